package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// A survey is what the upper nodes of two trees tell before they are searched.
type survey struct {
	last uint64 // an inode near the end of what will be searched
	// only is where to search, in order; all must be searched where it is nil.
	only []stretch
}

// A stretch is a range of inodes.
type stretch struct{ first, last uint64 }

// mostNodes bounds what is remembered of a tree that the other one does not share:
// a megabyte, and as much again while the next level is read.
const mostNodes = 16384

// mostlyYoung is which share of a tree's leaves, younger than the parting, is worth
// looking for those that both sides share. Where fewer are, changes that are
// scattered take 0.1 longer so: each stretch is searched by a call of its own.
const mostlyYoung = 0.5

// survey looks at the upper nodes of the trees: whether it pays to search them by
// generation, and if not, because most leaves are younger than the parting of the
// two (a balance does that) or that is not known, which of them both share. It is
// false where nodes cannot be read, as in a sandbox without devices, or where there
// is no more than a leaf.
func (e *engine) survey(ctx context.Context, trees [2]nodes.Tree) (survey, bool) {
	if e.tune.nodes == never || min(trees[from].Level, trees[to].Level) == 0 {
		return survey{}, false
	}
	r, err := nodes.Open(ctx, e.fs, e.info)
	if err != nil {
		return survey{}, false
	}
	defer r.Close()
	s, young := survey{last: top}, e.tune.nodes == always || e.rel.fork == 0
	for w, t := range trees {
		if e.rel.frozen[w] {
			continue
		}
		share, last, err := r.Newer(ctx, t, e.rel.fork)
		if err != nil {
			return survey{}, false
		}
		s.last, young = max(s.last, last), young || share > mostlyYoung
	}
	if !young {
		return s, true
	}
	parts, err := r.Apart(ctx, trees[from], trees[to], mostNodes)
	s.only = []stretch{}
	for w := range parts {
		if !e.rel.frozen[w] {
			s.only = append(s.only, stretches(parts[w])...)
		}
	}
	s.only = union(s.only)
	return s, err == nil
}

// stretches are the inodes of which something lies in parts of a tree.
func stretches(parts []nodes.Part) (list []stretch) {
	for _, p := range parts {
		s := stretch{max(p.Low.Object, top), min(p.End.Object, btrfs.LastFree)}
		if p.End.Object == s.last && p.End.Compare(btrfs.Key{Object: s.last, Type: btrfs.TypeInodeItem}) <= 0 {
			s.last-- // it begins with the inode itself
		}
		if s.first <= s.last {
			list = append(list, s)
		}
	}
	return list
}

// union sorts stretches and joins those that overlap or touch.
func union(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.first, b.first) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

// stretch is the next inodes to be searched, of those from first to last; false
// where none are.
func (e *engine) stretch(first, last uint64) (stretch, bool) {
	if e.only == nil {
		return stretch{first, last}, first <= last
	}
	i, _ := slices.BinarySearchFunc(e.only, first, func(s stretch, at uint64) int { return cmp.Compare(s.last, at) })
	if i == len(e.only) || e.only[i].first > last || first > last {
		return stretch{}, false
	}
	return stretch{max(first, e.only[i].first), min(last, e.only[i].last)}, true
}
