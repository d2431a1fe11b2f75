package scrub

import (
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A State is what is known of the scrubs of one file system.
type State struct {
	UUID string `json:"uuid"`
	// Since is from when on every scrub would be known; zero: never, and Why
	// says why.
	Since time.Time `json:"unknown_before,omitzero"`
	Why   string    `json:"why,omitempty"`
	// Touched is when a status file was last written that may not be read.
	Touched time.Time `json:"status_written,omitzero"`
	// Made is when the file system was; zero: unknown.
	Made time.Time `json:"made,omitzero"`
	Runs []Run     `json:"runs"` // the oldest first
}

// Judge says what the state means: the scrub that is due, and what the last one
// found. Unknown is no trouble.
func (s *State) Judge(now time.Time, maxAge time.Duration) (health.Level, string) {
	h := History{Runs: s.Runs}
	if last := h.Last(); last != nil {
		e := last.Errors
		switch {
		case e.Uncorrectable > 0:
			return health.Critical, fmt.Sprintf("the last scrub found %d errors that cannot be corrected", e.Uncorrectable)
		case last.Outcome == Finished && e.Found() > 0:
			return health.Warning, fmt.Sprintf("the last scrub found %d errors and corrected %d", e.Found(), e.Corrected)
		}
	}
	finished := h.LastFinished()
	if finished == nil || now.Sub(finished.Ended) > maxAge {
		if h.Current() != nil {
			return health.OK, "a scrub runs"
		}
	}
	if finished != nil {
		age := now.Sub(finished.Ended)
		if age <= maxAge {
			return health.OK, "scrubbed " + days(age) + " ago"
		}
		if now.Sub(s.Touched) <= maxAge {
			return health.Unknown, "a scrub was run since, and how it ended only root may read"
		}
		if !s.Since.IsZero() && !s.Since.After(finished.Ended) || !s.Since.IsZero() && now.Sub(s.Since) > maxAge {
			return health.Warning, fmt.Sprintf("the last scrub finished %s ago; every %s is advised", days(age), days(maxAge))
		}
		return health.Unknown, "the last known scrub finished " + days(age) + " ago; " + s.why()
	}
	if made := now.Sub(s.Made); !s.Made.IsZero() && made <= maxAge {
		return health.OK, "made " + days(made) + " ago, not scrubbed yet"
	}
	if !s.Since.IsZero() && now.Sub(s.Since) > maxAge {
		return health.Warning, fmt.Sprintf("no scrub finished since %s; every %s is advised", s.Since.Local().Format(time.DateOnly), days(maxAge))
	}
	return health.Unknown, "when it was scrubbed is " + s.why()
}

// why says from when on scrubs are known.
func (s *State) why() string {
	if s.Since.IsZero() {
		if s.Why != "" {
			return "unknown: " + s.Why
		}
		return "unknown"
	}
	return "unknown before " + s.Since.Local().Format(time.DateOnly)
}

func days(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d >= time.Minute:
		return "a minute"
	}
	return "less than a minute"
}
