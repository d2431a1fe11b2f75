package health

import (
	"fmt"
	"time"
)

// minSamples is how many requests a window needs before its p99 says anything:
// below it one slow request is the percentile.
const minSamples = 20

// A Verdict is what one figure means.
type Verdict struct {
	ID     string `json:"id"`
	Level  Level  `json:"level"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"`
}

// Thresholds are where figures become a warning and then critical. Sizes are
// bytes; 0 switches a threshold off.
type Thresholds struct {
	P99Warn, P99Crit       time.Duration
	MemoryWarn, MemoryCrit uint64
	QueueWarn, QueueCrit   int
}

// A Snapshot is what Assess looks at. What is nil was not measured, and what
// was not measured raises nothing.
type Snapshot struct {
	P99        *time.Duration
	P99Samples int
	Memory     *uint64 // bytes that count
	QueueDepth *int
}

// Assess compares a snapshot with the thresholds. It returns what is wrong,
// worst first; nothing wrong is health.
func Assess(s Snapshot, t Thresholds) []Verdict {
	var out []Verdict
	if s.P99 != nil && s.P99Samples >= minSamples {
		if l := judge(*s.P99, t.P99Warn, t.P99Crit); l > OK {
			out = append(out, Verdict{
				ID: "rpc_latency", Level: l, Title: "Answers are slow",
				Detail: fmt.Sprintf("99 of 100 requests end within %s (limits: %s, %s)", s.P99.Round(time.Millisecond), t.P99Warn, t.P99Crit),
				Fix:    "Look at the methods: annactl health --json | jq .rpc_methods",
			})
		}
	}
	if s.Memory != nil {
		if l := judge(*s.Memory, t.MemoryWarn, t.MemoryCrit); l > OK {
			out = append(out, Verdict{
				ID: "memory", Level: l, Title: "The daemon's memory grows large",
				Detail: fmt.Sprintf("%d MB in use (limits: %d MB, %d MB)", *s.Memory>>20, t.MemoryWarn>>20, t.MemoryCrit>>20),
				Fix:    "Restart it: sudo systemctl restart annad",
			})
		}
	}
	if s.QueueDepth != nil {
		if l := judge(*s.QueueDepth, t.QueueWarn, t.QueueCrit); l > OK {
			out = append(out, Verdict{
				ID: "queue", Level: l, Title: "Events wait to be processed",
				Detail: fmt.Sprintf("%d events wait (limits: %d, %d)", *s.QueueDepth, t.QueueWarn, t.QueueCrit),
				Fix:    "See what happens: annactl events --since 5m",
			})
		}
	}
	for i := 1; i < len(out); i++ { // three at most: worst first, else in this order
		for j := i; j > 0 && out[j].Level > out[j-1].Level; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

func judge[T int | uint64 | time.Duration](v, warn, crit T) Level {
	switch {
	case crit > 0 && v > crit:
		return Critical
	case warn > 0 && v > warn:
		return Warning
	}
	return OK
}
