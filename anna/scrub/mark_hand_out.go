package scrub

import (
	"cmp"
	"slices"
	"time"
)

// A handOut is marks on their way to the runs that they are of.
type handOut struct {
	h     *History
	marks []Mark // in the order of one log
	given []bool // by mark
	fixed anchors
}

// handOut gives marks to the runs that others told of as well, the surest first;
// what comes back is left. fixed are marks whose true time is known already.
func (h *History) handOut(marks []Mark, fixed anchors) (rest []Mark) {
	o := handOut{h, marks, make([]bool, len(marks)), fixed}
	o.exact()
	o.pairs()
	o.narrow()
	o.within()
	for i, m := range marks {
		if !o.given[i] {
			rest = append(rest, m)
		}
	}
	return rest
}

// An offer is a run for a mark, or for a start and the end after it.
type offer struct {
	mark, end int
	run       int
	off       time.Duration // by how much the marks seem to be later than they are
	unsure    time.Duration // by how much they fit badly
}

// best puts the offers that fit best first.
func best(offers []offer) []offer {
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(a.unsure, b.unsure) })
	return offers
}

// exact gives away what is exactly where a run begins or ends.
func (o *handOut) exact() {
	var offers []offer
	for i, m := range o.marks {
		for j := range o.h.Runs {
			r := &o.h.Runs[j]
			if r.Source == FromLog || !r.mayScrub(m.Device) {
				continue
			}
			if off, is := r.exactly(m); is {
				offers = append(offers, offer{mark: i, run: j, unsure: off})
			}
		}
	}
	for _, f := range best(offers) {
		r := &o.h.Runs[f.run]
		if o.fits(f.mark, r) {
			o.settle(f.mark, r, 0, 0)
		}
	}
}

// pairs gives away what begins and ends as a run does, and seems to be later by
// the same: the machine was suspended since.
func (o *handOut) pairs() {
	var offers []offer
	for i, m := range o.marks {
		end := o.endOf(i)
		if end < 0 {
			continue
		}
		for j := range o.h.Runs {
			r := &o.h.Runs[j]
			if !r.Exact || !r.endTold() || !r.mayScrub(m.Device) {
				continue
			}
			off := o.marks[end].At.Sub(r.Ended)
			unsure := (m.At.Sub(r.Started) - off).Abs()
			if unsure <= together && off >= 0 && off <= o.marks[end].Early {
				offers = append(offers, offer{i, end, j, off, unsure})
			}
		}
	}
	for _, f := range best(offers) {
		r := &o.h.Runs[f.run]
		if o.fits(f.mark, r) && o.fits(f.end, r) {
			o.settle(f.mark, r, f.off, f.unsure)
			o.settle(f.end, r, f.off, f.unsure)
		}
	}
}

// endOf is the end right after a start of the same device, where neither is
// given away; -1 for none.
func (o *handOut) endOf(start int) int {
	if o.given[start] || !o.marks[start].starts() {
		return -1
	}
	for i := start + 1; i < len(o.marks); i++ {
		if o.marks[i].Device != o.marks[start].Device {
			continue
		}
		if o.given[i] || o.marks[i].starts() {
			return -1
		}
		return i
	}
	return -1
}

func (o *handOut) fits(mark int, r *Run) bool { return !o.given[mark] && r.hasPlace(o.marks[mark]) }

// settle gives a mark to a run that says when it really was.
func (o *handOut) settle(mark int, r *Run, off, unsure time.Duration) {
	m := &o.marks[mark]
	byChance := m.Early > exactStart && off == 0
	if !byChance {
		o.fixed = append(o.fixed, anchor{*m, off, unsure})
		m.At = m.At.Add(-off)
		m.Early, m.Late = min(m.Early, exactStart+unsure), min(m.Late, exactStart+unsure)
	}
	o.give(mark, r)
}

func (o *handOut) give(mark int, r *Run) {
	o.given[mark] = true
	o.h.known[o.marks[mark].key()] = o.marks[mark]
	r.attach(o.marks[mark])
}

// narrow says better when the others were, by those that were given away.
func (o *handOut) narrow() {
	for i := range o.marks {
		if !o.given[i] {
			o.marks[i] = o.fixed.narrow(o.marks[i])
			o.h.known[o.marks[i].key()] = o.marks[i]
		}
	}
}

// within gives away what is in the time of a run, the newest first.
func (o *handOut) within() {
	for i := len(o.marks) - 1; i >= 0; i-- {
		if o.given[i] {
			continue
		}
		m := &o.marks[i]
		r := o.h.surrounding(*m)
		if r == nil {
			continue
		}
		if r.Exact { // no earlier than the run, then
			m.Early = min(m.Early, max(0, m.At.Sub(r.Started))+exactStart)
		}
		o.give(i, r)
	}
}
