package diff

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// choose decides on the engine. Tree is the rule. Where most leaves were
// written since the sides parted (by a balance of the metadata, mostly) it
// would read everything, and Send does better if both sides are read-only.
func (r *Report) choose(ctx context.Context, s *btrfs.Scanner, want Engine, rel relation, last [2]uint64) error {
	readOnly := r.From.ReadOnly && r.To.ReadOnly
	switch want {
	case Paths:
		r.Engine = Paths
		return nil
	case Tree, Send:
		if !rel.related {
			return fmt.Errorf("cannot compare with engine %s: the subvolumes are not related", want)
		}
		if want == Send && !readOnly {
			return fmt.Errorf("cannot compare with engine send: %w", ErrNotReadOnly)
		}
		r.Engine = want
		return nil
	case Auto:
	default:
		return fmt.Errorf("cannot compare with engine %q: not known", want)
	}
	r.Engine = Tree
	switch {
	case !rel.related:
		r.Engine = Paths
		r.Notes = append(r.Notes, "the subvolumes are not related: compared path by path, renames show as removed and added")
	case readOnly:
		useless, err := pruningUseless(ctx, s, [2]uint64{r.From.ID, r.To.ID}, last, rel.fork)
		if err != nil {
			return err
		}
		if useless {
			r.Engine = Send
		}
	case rel.fork == 0:
		r.Notes = append(r.Notes, "the snapshot between the two is gone: all of both was read")
	}
	return nil
}

// probes is how many leaves of each tree are looked at: few, for each may be a
// read from the disk, and a wrong choice costs time alone.
const probes = 12

// pruningUseless says whether more than half of some leaves of the trees, taken
// at random, are new.
func pruningUseless(ctx context.Context, s *btrfs.Scanner, trees, last [2]uint64, fork uint64) (bool, error) {
	fresh, seen := 0, 0
	for w, tree := range trees {
		if last[w] < top+1000 { // a few leaves: nothing to gain
			continue
		}
		r := rand.New(rand.NewPCG(tree, fork))
		for range probes {
			it, ok, err := firstFrom(ctx, s, tree, top+r.Uint64N(last[w]-top))
			if err != nil {
				return false, err
			}
			if ok {
				seen++
				if it.Transid >= fork {
					fresh++
				}
			}
		}
	}
	return seen > 0 && fresh*2 > seen, nil
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

// lastInode finds the highest inode number of a tree, by halving.
func lastInode(ctx context.Context, s *btrfs.Scanner, tree uint64) (uint64, error) {
	low, high := uint64(top), uint64(1)<<48
	for low+1 < high {
		middle := low + (high-low)/2
		it, ok, err := firstFrom(ctx, s, tree, middle)
		switch {
		case err != nil:
			return 0, err
		case ok:
			low = max(middle, min(it.Key.Object, high-1))
		default:
			high = middle
		}
	}
	return low, nil
}
