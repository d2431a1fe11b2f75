package scrub

import "time"

// A handOut is marks on their way to the runs that they are of.
type handOut struct {
	h     *History
	marks []Mark // in the order of one log
	given []bool // by mark
}

// handOut gives marks to the runs that others told of as well, the surest first;
// what comes back is left. fixed are marks whose true time is known already.
func (h *History) handOut(marks []Mark, fixed anchors) (rest []Mark) {
	o := handOut{h, marks, make([]bool, len(marks))}
	o.exact()
	for i := range o.marks {
		if !o.given[i] {
			o.marks[i] = fixed.narrow(o.marks[i])
			h.known[o.marks[i].key()] = o.marks[i]
		}
	}
	o.within()
	for i, m := range o.marks {
		if !o.given[i] {
			rest = append(rest, m)
		}
	}
	return rest
}

// exact gives away what is exactly where a run begins or ends, to the run that it
// is nearest to.
func (o *handOut) exact() {
	for i, m := range o.marks {
		var nearest *Run
		var least time.Duration
		for j := range o.h.Runs {
			r := &o.h.Runs[j]
			if r.Source == FromLog || !r.mayScrub(m.Device) || !r.hasPlace(m) {
				continue
			}
			if off, is := r.exactly(m); is && (nearest == nil || off < least) {
				nearest, least = r, off
			}
		}
		if nearest != nil {
			o.give(i, nearest)
		}
	}
}

// within gives away what is in the time of a run, the newest first.
func (o *handOut) within() {
	for i := len(o.marks) - 1; i >= 0; i-- {
		if o.given[i] {
			continue
		}
		if r := o.h.surrounding(o.marks[i]); r != nil {
			o.give(i, r)
		}
	}
}

func (o *handOut) give(mark int, r *Run) {
	o.given[mark] = true
	r.attach(o.marks[mark])
}
