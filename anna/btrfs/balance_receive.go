package btrfs

import (
	"cmp"
	"slices"
)

// receivers are the block groups that take in what is moved. They are looked for
// from the fullest on, and what is moved from the emptiest on, so that the two
// meet last.
type receivers struct {
	p     *planner
	free  uint64          // what chunks that stay can still take
	rest  []BlockGroup    // not read yet, in the order of reading
	holes []Span          // of those that were read, by address
	seen  []seen          // those that were read
	used  map[uint64]bool // those that take something in
}

// seen is a block group that was read.
type seen struct {
	group BlockGroup
	class sizeClass
}

// nearlyFull is the share from which a block group is read last: it takes much
// reading to find little room.
const nearlyFull = 0.9

func (r *receivers) list(emptiest []BlockGroup) {
	r.used = map[uint64]bool{}
	r.rest = slices.Clone(emptiest)
	slices.Reverse(r.rest)
	slices.SortStableFunc(r.rest, func(x, y BlockGroup) int {
		late := func(g BlockGroup) int {
			if g.Usage() > nearlyFull {
				return 1
			}
			return 0
		}
		return cmp.Compare(late(x), late(y))
	})
}

// take finds room for all extents of a block group, each in one piece as the
// kernel wants it (prealloc_file_extent_cluster), and takes it.
func (r *receivers) take(g BlockGroup, l *Layout) (bool, Reason) {
	switch {
	case r.used[g.Start], r.free < g.Length:
		return false, ReasonFull
	case g.Used == 0:
		r.free -= g.Length
		return true, ""
	}
	for {
		holes := slices.Clone(r.holes)
		for i := range holes { // its own are gone afterwards
			if g.holds(holes[i].Start) {
				holes[i].Length = 0
			}
		}
		if fit(holes, l.Extents) {
			r.settle(g, holes)
			r.free -= g.Length
			return true, ""
		}
		if ok, reason := r.more(g); !ok {
			return false, reason
		}
	}
}

func (b BlockGroup) holds(at uint64) bool { return at >= b.Start && at-b.Start < b.Length }

// settle keeps what is left of the holes, which are in the order of r.holes.
func (r *receivers) settle(moved BlockGroup, left []Span) {
	for i, h := range r.holes {
		if h.Length == left[i].Length || moved.holds(h.Start) {
			continue
		}
		for _, g := range r.p.Groups {
			if g.holds(h.Start) {
				r.used[g.Start] = true
			}
		}
	}
	r.holes = slices.DeleteFunc(left, func(h Span) bool { return h.Length == 0 })
}

// more reads one more block group.
func (r *receivers) more(moving BlockGroup) (bool, Reason) {
	i := slices.IndexFunc(r.rest, func(g BlockGroup) bool {
		return !r.p.gone[g.Start] && g.Start != moving.Start && g.Used < g.Length
	})
	if i < 0 || len(r.seen) == maxReceivers {
		return false, ReasonScattered
	}
	g := r.rest[i]
	r.rest = slices.Delete(r.rest, i, i+1)
	l, err := r.p.Layout(g)
	if err != nil {
		return false, ReasonUnseen
	}
	r.seen = append(r.seen, seen{g, l.class(g)})
	r.holes = append(r.holes, l.Holes...)
	slices.SortFunc(r.holes, func(x, y Span) int { return cmp.Compare(x.Start, y.Start) })
	return true, ""
}

// fit shortens the holes by extents, each taken from the first hole that has
// room for it; false where one finds none. A tree of the largest hole below
// each node finds that hole: there can be many of both.
func fit(holes, extents []Span) bool {
	leaves := 1
	for leaves < len(holes) {
		leaves *= 2
	}
	largest := make([]uint64, 2*leaves)
	for i, h := range holes {
		largest[leaves+i] = h.Length
	}
	for i := leaves - 1; i > 0; i-- {
		largest[i] = max(largest[2*i], largest[2*i+1])
	}
	for _, e := range extents {
		if largest[1] < e.Length {
			return false
		}
		i := 1
		for i < leaves {
			if i *= 2; largest[i] < e.Length {
				i++
			}
		}
		h := &holes[i-leaves]
		h.Start += e.Length
		h.Length -= e.Length
		for largest[i] = h.Length; i > 1; {
			i /= 2
			largest[i] = max(largest[2*i], largest[2*i+1])
		}
	}
	return true
}
