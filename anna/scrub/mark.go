package scrub

import (
	"slices"
	"time"
)

// A Mark is what one line of the kernel's log tells: that the scrub of a device
// started, or how it ended. Lines are left out when Btrfs has much to say, about
// whatever file system, so that either may be missing.
type Mark struct {
	// Boot and Clock are the line's own (btrfs.LogLine): a line that is read
	// again is the same, whatever the machine's clock did meanwhile.
	Boot    string        `json:"boot"`
	Clock   time.Duration `json:"clock_nsec"`
	At      time.Time     `json:"at"`
	Early   time.Duration `json:"early_nsec"` // how much before At it may have been
	Late    time.Duration `json:"late_nsec"`  // and after
	Device  uint64        `json:"device"`
	Outcome string        `json:"outcome"` // running: its start
	Detail  string        `json:"detail,omitempty"`
	over    time.Time     // when what it tells of was over at the latest
}

func (m Mark) starts() bool { return m.Outcome == Running }

func (m Mark) earliest() time.Time { return m.At.Add(-m.Early) }

func (m Mark) latest() time.Time { return m.At.Add(m.Late) }

// markKey says which line a mark is.
type markKey struct {
	boot   string
	clock  time.Duration
	device uint64
	starts bool
}

func (m Mark) key() markKey { return markKey{m.Boot, m.Clock, m.Device, m.starts()} }

// has says whether a mark is one of a run's.
func (r *Run) has(m Mark) bool {
	return slices.ContainsFunc(r.Marks, func(o Mark) bool { return o.key() == m.key() })
}

// attach gives a mark to a run, and puts what it tells into it.
func (r *Run) attach(m Mark) {
	m.over = time.Time{}
	r.Marks = append(slices.Clip(r.Marks), m)
	slices.SortStableFunc(r.Marks, func(a, b Mark) int { return int(a.Clock - b.Clock) })
	r.refine()
}

// takeMarks gives new marks to the runs that they are of. What no run can hold
// makes runs of its own.
func (h *History) takeMarks(marks []Mark) bool {
	var fresh []Mark
	var fixed anchors
	for _, m := range marks {
		if o, known := h.known[m.key()]; known {
			fixed = append(fixed, anchor{m, m.At.Sub(o.At), o.Early + o.Late})
		} else {
			fresh = append(fresh, m)
			h.known[m.key()] = m
		}
	}
	if len(fresh) == 0 {
		return false
	}
	for _, m := range h.handOut(fresh, fixed) {
		h.known[m.key()] = m
		h.alone(m)
	}
	h.sort()
	return true
}
