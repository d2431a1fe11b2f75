package scrub

import (
	"cmp"
	"slices"
	"strings"
)

// rejoin gives the marks of runs that the log alone told of to the others, after
// one of those became known or better known. A run that has none left was none,
// and one that lies around another is two.
func (h *History) rejoin() {
	marks := h.callBack()
	if len(marks) == 0 {
		return
	}
	left := map[markKey]bool{}
	for len(marks) > 0 { // a boot at a time
		n := 1
		for n < len(marks) && marks[n].Boot == marks[0].Boot {
			n++
		}
		for _, m := range h.handOut(marks[:n], nil) {
			left[m.key()] = true
		}
		marks = marks[n:]
	}
	h.Runs = slices.DeleteFunc(h.Runs, func(r Run) bool { return r.Source == FromLog && h.emptied(&r, left) })
	for _, m := range h.split(left) {
		h.alone(m)
	}
}

// callBack are the marks that may be another run's than was thought, in the
// order of the log. Those of runs that the log alone tells of stay there, until
// it is known whether another takes them.
func (h *History) callBack() (marks []Mark) {
	for i := range h.Runs {
		r := &h.Runs[i]
		switch {
		case r.Source == FromLog:
			for _, m := range r.Marks {
				m.over = r.Over
				marks = append(marks, m)
			}
		case ranks[r.Source] >= ranks[FromFile] && !r.endTold():
			marks = append(marks, h.takeBack(r)...)
		}
	}
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Clock, b.Clock)) })
	return marks
}

// takeBack takes the ends from a run whose own nobody saw that are exactly those
// of another.
func (h *History) takeBack(r *Run) (out []Mark) {
	of := func(o *Run, m Mark) bool {
		_, is := o.exactly(m)
		return is && o.Source != FromLog && o.mayScrub(m.Device) && o.hasPlace(m)
	}
	var kept []Mark
	for _, m := range r.Marks {
		if !m.starts() && slices.ContainsFunc(h.Runs, func(o Run) bool { return of(&o, m) }) {
			out = append(out, m)
		} else {
			kept = append(kept, m)
		}
	}
	if len(out) > 0 {
		r.Marks = kept
		if strings.HasPrefix(r.Detail, logSays) {
			r.Detail = ""
		}
		r.refine()
	}
	return out
}

// emptied says whether a run that the log alone told of has none of its marks
// left. One that was stored is to be stored no more.
func (h *History) emptied(r *Run, left map[markKey]bool) bool {
	if len(r.Marks) == 0 || slices.ContainsFunc(r.Marks, func(m Mark) bool { return left[m.key()] }) {
		return false
	}
	if !r.key.IsZero() {
		h.gone = append(h.gone, *r)
	}
	return true
}

// split leaves the runs that the log alone tells of the marks that are left to
// them. What comes back is behind a run that now lies between.
func (h *History) split(left map[markKey]bool) (apart []Mark) {
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source != FromLog || len(r.Marks) == 0 {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(r.Marks), func(m Mark) bool { return !left[m.key()] })
		if k := slices.IndexFunc(mine, func(m Mark) bool { return h.between(mine[0], m) }); k > 0 {
			apart, mine = append(apart, mine[k:]...), mine[:k]
		}
		if len(mine) < len(r.Marks) {
			r.Marks = mine
			r.refine()
		}
	}
	return apart
}
