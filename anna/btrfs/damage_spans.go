package btrfs

import (
	"cmp"
	"slices"
)

// spans are ranges without overlap, in order.
type spans []Span

// add takes in a range and joins it with those it touches.
func (s *spans) add(n Span) {
	if n.Length == 0 {
		return
	}
	out := (*s)[:0:0]
	for _, o := range *s {
		if o.Start+o.Length < n.Start || n.Start+n.Length < o.Start {
			out = append(out, o)
			continue
		}
		end := max(o.Start+o.Length, n.Start+n.Length)
		n.Start = min(o.Start, n.Start)
		n.Length = end - n.Start
	}
	out = append(out, n)
	slices.SortFunc(out, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	*s = out
}

// within are the parts that lie in a range.
func (s spans) within(r Span) (out spans) {
	for _, o := range s {
		start, end := max(o.Start, r.Start), min(o.Start+o.Length, r.Start+r.Length)
		if start < end {
			out = append(out, Span{start, end - start})
		}
	}
	return out
}

// lacks are the parts of a range that none of them covers.
func (s spans) lacks(r Span) (out spans) {
	at, end := r.Start, r.Start+r.Length
	for _, o := range s.within(r) {
		if o.Start > at {
			out = append(out, Span{at, o.Start - at})
		}
		at = o.Start + o.Length
	}
	if at < end {
		out = append(out, Span{at, end - at})
	}
	return out
}

// length is their sum, at most a bound.
func (s spans) length(most uint64) (n uint64) {
	for _, o := range s {
		n += o.Length
	}
	return min(n, most)
}
