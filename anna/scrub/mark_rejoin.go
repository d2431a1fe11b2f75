package scrub

import (
	"cmp"
	"slices"
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
// order of the log. They stay where they are, until it is known whether another
// run takes them.
func (h *History) callBack() (marks []Mark) {
	for _, r := range h.Runs {
		if r.Source != FromLog {
			continue
		}
		for _, m := range r.Marks {
			m.over = r.Over
			marks = append(marks, m)
		}
	}
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Clock, b.Clock)) })
	return marks
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
