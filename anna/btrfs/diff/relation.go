package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A relation is what two subvolumes have in common.
type relation struct {
	related bool
	// fork is the generation at which they parted: what is older is
	// shared. 0 when they are related through subvolumes that are gone: then
	// they parted in latest or before. 0 where that is not known either.
	fork, latest uint64
	// frozen says which sides are as they were then. There is nothing to be
	// found in them that the other side does not show.
	frozen [2]bool
}

// apart says that what was made in a generation was made when the two had parted:
// it is not the same on both sides, whatever it looks like.
func (r *relation) apart(generation uint64) bool {
	last := r.fork
	if last == 0 {
		last = r.latest
	}
	return last != 0 && generation > last
}

// An ancestor is a subvolume that a chain of snapshots goes through, and the
// generation at which the chain left it.
type ancestor struct {
	uuid btrfs.UUID
	left uint64
}

// maxChain bounds the chain against damaged trees that go in circles.
const maxChain = 100_000

// ancestors follows a chain of snapshots, the subvolume itself first. broken
// says that it ends at one that is gone.
func ancestors(ctx context.Context, s *btrfs.Scanner, r root) (chain []ancestor, broken bool, err error) {
	chain = append(chain, ancestor{r.UUID, ^uint64(0)})
	parent, left := r.parent, r.otransid
	seen := map[btrfs.UUID]bool{}
	for (parent != btrfs.UUID{}) && !seen[parent] && len(chain) < maxChain {
		seen[parent] = true
		chain = append(chain, ancestor{parent, left})
		it, ok, err := s.Lookup(ctx, btrfs.TreeUUID, btrfs.UUIDKey(parent))
		if err != nil || !ok {
			return chain, true, ctx.Err()
		}
		id, err := btrfs.ParseUUIDItem(it.Data)
		if err != nil {
			return chain, true, nil
		}
		above, err := readRoot(ctx, s, id)
		if err != nil || above.UUID != parent {
			return chain, true, ctx.Err()
		}
		// An ancestor is never younger than what was made of it; where
		// it seems so, a generation was set by hand or is damaged.
		parent, left = above.ParentUUID, min(left, above.OTransid)
	}
	return chain, false, nil
}

// relate finds where two subvolumes parted, by their chains of snapshots. A
// chain that ends at a deleted subvolume may still be recognized by the top
// directory, which all snapshots inherit with its time of birth.
func relate(ctx context.Context, s *btrfs.Scanner, a, b root) (relation, error) {
	as, brokenA, err := ancestors(ctx, s, a)
	if err != nil {
		return relation{}, err
	}
	bs, brokenB, err := ancestors(ctx, s, b)
	if err != nil {
		return relation{}, err
	}
	at := map[btrfs.UUID]uint64{}
	for _, x := range as {
		if (x.uuid != btrfs.UUID{}) {
			at[x.uuid] = x.left
		}
	}
	for _, x := range bs {
		if left, ok := at[x.uuid]; ok {
			r := relation{related: true, fork: min(left, x.left)}
			for w, side := range []*root{&a, &b} {
				if r.frozen[w], err = side.frozen(ctx, s, r.fork); err != nil {
					return r, err
				}
			}
			return r, nil
		}
	}
	// They parted behind the broken end of a chain, and so no later than the chain
	// left that end. Of which chain is not known if both are broken.
	r := relation{}
	if brokenA {
		r.latest = as[len(as)-1].left
	}
	if brokenB {
		r.latest = max(r.latest, bs[len(bs)-1].left)
	}
	sameTop := a.top.Generation == b.top.Generation && a.top.OTime.Equal(b.top.OTime) && !a.top.OTime.IsZero()
	noUUID := a.UUID == btrfs.UUID{} || b.UUID == btrfs.UUID{}
	if noUUID { // then a chain may end anywhere
		r.latest = 0
	}
	r.related = sameTop && (brokenA || brokenB || noUUID)
	return r, nil
}

// frozen says whether nothing was written in a subvolume since its way parted from
// the other's. The generation of its root does not tell: to make a snapshot of it
// raises that, and so does a balance, which gives it other leaves as well. Of what
// is read-only the root says when an inode was written last; what can be written to
// may hold more, from the log of a machine that crashed.
func (r *root) frozen(ctx context.Context, s *btrfs.Scanner, fork uint64) (bool, error) {
	since := fork // in its transaction the kernel still writes where the snapshot's name is
	if r.otransid == fork {
		since++ // this is the snapshot
	}
	if r.ReadOnly && r.ctransid != 0 && r.ctransid < since {
		return true, nil
	}
	a, err := s.Ask(ctx, btrfs.Range{
		Tree: r.ID, MinTransid: since, Limit: 1,
		Max: btrfs.Key{Object: ^uint64(0), Type: 255, Offset: ^uint64(0)},
	})
	return err == nil && a.Len() == 0, err
}
