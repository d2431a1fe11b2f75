package diff

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// choose decides on the engine, and where it has to search. Tree is the rule.
// Where most leaves were written since the sides parted (by a balance of the
// metadata, mostly) and it cannot be told which of them both sides share, it reads
// everything, and Send may do better if both sides are read-only.
func (r *Report) choose(ctx context.Context, e *engine, s *btrfs.Scanner, want Engine, trees [2]nodes.Tree) (survey, error) {
	readOnly := r.From.ReadOnly && r.To.ReadOnly
	switch want {
	case Auto, Paths:
	case Tree, Send:
		if !r.Related {
			return survey{}, fmt.Errorf("cannot compare with engine %s: the subvolumes are not related", want)
		}
		if want == Send && !readOnly {
			return survey{}, fmt.Errorf("cannot compare with engine send: %w", ErrNotReadOnly)
		}
	default:
		return survey{}, fmt.Errorf("cannot compare with engine %q: not known", want)
	}
	r.Engine = want
	if want == Auto && !r.Related {
		r.Engine = Paths
		r.Notes = append(r.Notes, "the subvolumes are not related: compared path by path, renames show as removed and added")
	}
	if r.Engine == Paths || r.Engine == Send {
		return survey{}, nil
	}
	r.Engine = Tree
	if v, known := e.survey(ctx, trees); known {
		return v, nil
	}
	var last [2]uint64
	for w, id := range e.ids {
		var err error
		if last[w], err = lastInode(ctx, s, id); err != nil {
			return survey{}, err
		}
	}
	switch {
	case want != Auto:
	case readOnly:
		pays, err := sendPays(ctx, s, e.ids, last, r.Fork)
		if err != nil {
			return survey{}, err
		}
		if pays {
			r.Engine = Send
		}
	case r.Fork == 0:
		r.Notes = append(r.Notes, "the snapshot between the two is gone: all of both was read")
	}
	return survey{last: max(last[from], last[to])}, nil
}

// probes is how many places of each tree are looked at: few, for each may be a
// read from the disk, and a wrong choice costs time alone. looked is how many
// items there, about what a leaf holds. enough is in how many places of a tree,
// among old inodes, there must be one that was written since to call the changes
// scattered.
const (
	probes = 12
	looked = 200
	enough = 2
)

// sendPays says whether Send is faster than comparing the trees, by some leaves
// of them, taken at random: if more than half of them are new, and what was
// written lies close together. Send leaves out what both sides share, new or
// not, but is slow where it does not, and so where changes are scattered.
func sendPays(ctx context.Context, s *btrfs.Scanner, trees, last [2]uint64, fork uint64) (bool, error) {
	fresh, seen := 0, 0
	err := places(trees, last, fork, func(tree, ino uint64) error {
		it, ok, err := firstFrom(ctx, s, tree, ino)
		if ok {
			seen++
			if it.Transid >= fork {
				fresh++
			}
		}
		return err
	})
	if err != nil || fresh*2 <= seen {
		return false, err
	}
	hits := map[uint64]int{}
	err = places(trees, last, fork, func(tree, ino uint64) error {
		found, err := writtenAt(ctx, s, tree, ino, fork)
		if found {
			hits[tree]++
		}
		return err
	})
	return hits[trees[from]] < enough && hits[trees[to]] < enough, err
}

// places goes to some places of both trees, always the same.
func places(trees, last [2]uint64, fork uint64, look func(tree, ino uint64) error) error {
	for w, tree := range trees {
		if last[w] < top+1000 { // a few leaves: nothing to gain
			continue
		}
		r := rand.New(rand.NewPCG(tree, fork))
		for range probes {
			if err := look(tree, top+r.Uint64N(last[w]-top)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writtenAt says whether an inode about there was written since the sides parted.
func writtenAt(ctx context.Context, s *btrfs.Scanner, tree, ino, fork uint64) (bool, error) {
	a, err := s.Ask(ctx, btrfs.Range{
		Tree: tree, Limit: looked, Min: btrfs.Key{Object: ino},
		Max: btrfs.Key{Object: btrfs.LastFree, Type: 255, Offset: ^uint64(0)},
	})
	var it btrfs.Item
	for err == nil && a.Next(&it) {
		if gen, known := it.Generation(); known && it.Key.Type == btrfs.TypeInodeItem && gen > fork {
			return true, nil
		}
	}
	return false, firstError(err, a.Err())
}

func firstFrom(ctx context.Context, s *btrfs.Scanner, tree, ino uint64) (btrfs.Item, bool, error) {
	c := s.Scan(ctx, btrfs.Range{
		Tree: tree, Limit: 1, Min: btrfs.Key{Object: ino},
		Max: btrfs.Key{Object: btrfs.LastFree, Type: 255, Offset: ^uint64(0)},
	})
	if c.Next() {
		return c.Item(), true, nil
	}
	return btrfs.Item{}, false, c.Err()
}

// lastInode finds the highest inode number of a tree, or one that is less by a
// sixty-fourth at most, by trying.
func lastInode(ctx context.Context, s *btrfs.Scanner, tree uint64) (uint64, error) {
	const most = uint64(1) << 48
	low, high := uint64(top), most
	try := func(at uint64) error {
		it, ok, err := firstFrom(ctx, s, tree, at)
		switch {
		case err != nil:
			return err
		case ok:
			low = max(at, min(it.Key.Object, high-1))
		default:
			high = at
		}
		return nil
	}
	for width := uint64(1024); high == most && width < most/8; width *= 8 {
		if err := try(top + width); err != nil {
			return 0, err
		}
	}
	for high-low > 1+(low-top)/64 {
		if err := try(low + (high-low)/2); err != nil {
			return 0, err
		}
	}
	return low, nil
}
