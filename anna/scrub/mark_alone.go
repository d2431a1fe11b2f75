package scrub

import (
	"slices"
	"time"
)

// together is how long after each other a run starts on its devices.
const together = 3 * time.Second

// alone puts a mark that no other source tells of into the run of its own kind
// that can hold it, or makes one: the fewest runs that explain the log.
func (h *History) alone(m Mark) {
	if r := h.aloneBefore(m); r != nil && r.goesOn(m) && !h.between(r.Marks[0], m) {
		r.attach(m)
		return
	}
	h.Runs = append(h.Runs, Run{Source: FromLog})
	h.Runs[len(h.Runs)-1].attach(m)
}

// aloneBefore is the run that the log alone tells of which begins last before a
// mark; nil for none.
func (h *History) aloneBefore(m Mark) (last *Run) {
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source != FromLog || len(r.Marks) == 0 {
			continue
		}
		first := r.Marks[0]
		if first.Boot == m.Boot && first.Clock <= m.Clock && (last == nil || first.Clock > last.Marks[0].Clock) {
			last = r
		}
	}
	return last
}

// goesOn says whether a run that the log alone tells of goes on with a mark: its
// devices start soon after each other, and end whenever they are done.
func (r *Run) goesOn(m Mark) bool {
	wasOver := !r.Over.IsZero() && m.earliest().After(r.Over.Add(exactEnd))
	if !r.hasPlace(m) || wasOver {
		return false
	}
	first := r.Marks[0]
	return !m.starts() || first.starts() && m.Clock-first.Clock <= together
}

// between says whether a run that others told of lies between two marks that
// the log alone has.
func (h *History) between(a, b Mark) bool {
	return slices.ContainsFunc(h.Runs, func(r Run) bool {
		return r.Source != FromLog && r.Started.After(a.latest()) && !r.Ended.IsZero() && r.Ended.Before(b.earliest())
	})
}
