package health

import (
	"fmt"
	"time"
)

// Assess asks every check of the table about a snapshot.
func Assess(s Snapshot, t Thresholds) map[string]Verdict {
	out := make(map[string]Verdict, len(Checks))
	for _, c := range Checks {
		out[c.ID] = c.Assess(s, t)
	}
	return out
}

// well is the verdict of a figure that is good.
func well(format string, args ...any) Verdict { return Verdict{Detail: fmt.Sprintf(format, args...)} }

// unknown is the verdict where nothing could be measured.
func unknown(reason string) Verdict {
	if reason == "" {
		reason = "it was not measured"
	}
	return Verdict{Level: Unknown, Detail: reason}
}

// judge compares a figure with its thresholds and returns the one that
// matters: the one passed, else the lowest that is set.
func judge[T int | uint64 | float64 | time.Duration](v, warn, crit T) (Level, T) {
	switch {
	case crit > 0 && v > crit:
		return Critical, crit
	case warn > 0 && v > warn:
		return Warning, warn
	case warn > 0:
		return OK, warn
	}
	return OK, crit
}
