package scrub

import (
	"slices"
	"time"
)

// surrounding is the newest run that a mark is in the time of; nil for none. An
// end is rather of the run that has the start right before it: of another it
// would be only if two lines between them were lost.
func (h *History) surrounding(m Mark) (newest *Run) {
	var start *Mark
	if !m.starts() {
		start = h.partner(m)
	}
	var b beside
	for i := len(h.Runs) - 1; i >= 0; i-- {
		r := &h.Runs[i]
		if r.Source == FromLog {
			continue
		}
		b.before = h.endBefore(i)
		if r.mayScrub(m.Device) && r.hasPlace(m) && r.around(m, b) && h.leaves(r, m, b) {
			if start == nil || r.has(*start) {
				return r
			}
			if newest == nil {
				newest = r
			}
		}
		b.next = r.Started
	}
	return newest
}

// endBefore is when the run before one ended, or began where its end is not
// known; zero for none.
func (h *History) endBefore(at int) time.Time {
	for i := at - 1; i >= 0; i-- {
		if r := &h.Runs[i]; r.Source != FromLog {
			if r.Ended.IsZero() {
				return r.Started
			}
			return r.Ended
		}
	}
	return time.Time{}
}

// leaves says whether the marks beside one leave it to a run: an end and the
// start right before it are of one run, unless the lines between them are lost
// because another began there.
func (h *History) leaves(r *Run, m Mark, b beside) bool {
	if !m.starts() && h.endedBefore(r, m, b) {
		return false
	}
	partner := h.partner(m)
	switch {
	case partner == nil, r.has(*partner):
		return true
	case m.starts(): // a run has no end before it began
		return !partner.latest().Before(r.Started)
	case partner.At.Before(r.Started): // the start of an earlier run
		return true
	}
	return r.hasPlace(*partner) && r.around(*partner, b) // both are of this run, or neither
}

// endedBefore says whether another mark shows that a run was over when a device
// ended: that another had begun, or that the device had ended already.
func (h *History) endedBefore(r *Run, m Mark, b beside) bool {
	for _, o := range h.known {
		if o.Boot != m.Boot || o.Clock >= m.Clock {
			continue
		}
		if o.starts() {
			if o.earliest().After(r.Started.Add(mostBusy)) {
				return true
			}
			continue
		}
		inRun := o.earliest().After(r.Started.Add(exactStart))
		mayBeIts := !r.endTold() && r.Exact && r.around(o, b) && !h.given(o)
		if o.Device == m.Device && (inRun || mayBeIts) {
			return true
		}
	}
	return false
}

// partner is the mark next to one of the same device, after a start and before
// an end, if they make a pair; nil where one between them is lost.
func (h *History) partner(m Mark) *Mark {
	var nearest *Mark
	for _, o := range h.known {
		if o.Boot != m.Boot || o.Device != m.Device || o.key() == m.key() || m.starts() != (o.Clock > m.Clock) {
			continue
		}
		if nearest == nil || (o.Clock-m.Clock).Abs() < (nearest.Clock-m.Clock).Abs() {
			nearest = &o
		}
	}
	if nearest == nil || nearest.starts() == m.starts() {
		return nil
	}
	return nearest
}

// given says whether a run that others told of as well has a mark.
func (h *History) given(m Mark) bool {
	return slices.ContainsFunc(h.Runs, func(r Run) bool { return r.Source != FromLog && r.has(m) })
}
