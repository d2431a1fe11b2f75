package nodes

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// looked is how many nodes above leaves are looked at to judge a tree.
const looked = 3

// Newer estimates which share of a tree's leaves, 0 to 1, was written in a
// generation or since, by a few of the nodes above them. last is an object near the
// end of the tree that one of its nodes begins with: of those that inodes and
// subvolumes have, 0 for none. Of a tree that is a single leaf it says nothing.
func (r *Reader) Newer(ctx context.Context, t Tree, generation uint64) (share float64, last uint64, err error) {
	if t.Level == 0 || t.Level > maxLevel {
		return 0, 0, nil
	}
	b := make([]byte, r.format.size)
	root := t.root()
	top, err := r.children(ctx, b, &root, t.Level)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range top {
		if p.low.Object <= btrfs.LastFree {
			last = p.low.Object
		}
	}
	if t.Level == 1 {
		return newer(top, generation), last, nil
	}
	for i := range looked {
		at := top[(2*i+1)*len(top)/(2*looked)]
		for level := t.Level - 1; at.generation >= generation; level-- {
			list, err := r.children(ctx, b, &at, level)
			if err != nil {
				return 0, 0, err
			}
			if level == 1 {
				share += newer(list, generation) / looked
				break
			}
			at = list[len(list)/2]
		}
	}
	return share, last, nil
}

// newer is the share of nodes of a generation or younger.
func newer(list []pointer, generation uint64) float64 {
	n := 0
	for _, p := range list {
		if p.generation >= generation {
			n++
		}
	}
	return float64(n) / float64(len(list))
}
