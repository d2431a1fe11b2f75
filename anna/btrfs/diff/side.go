package diff

import (
	"context"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// A Side is one of the two subvolumes.
type Side struct {
	ID         uint64
	UUID       btrfs.UUID
	Generation uint64
	ReadOnly   bool
}

// A root is a subvolume with what decides how it is related to another one.
type root struct {
	Side
	parent   btrfs.UUID
	otransid uint64
	ctransid uint64      // when an inode was written last; 0 where it is not known
	top      btrfs.Inode // its top directory, which snapshots keep
	tree     nodes.Tree  // as it was committed
}

func readRoot(ctx context.Context, s *btrfs.Scanner, id uint64) (btrfs.RootItem, error) {
	c := s.Scan(ctx, btrfs.Range{
		Tree: btrfs.TreeRoot, Limit: 1,
		Min: btrfs.Key{Object: id, Type: btrfs.TypeRootItem},
		Max: btrfs.Key{Object: id, Type: btrfs.TypeRootItem, Offset: ^uint64(0)},
	})
	if !c.Next() {
		if c.Err() != nil {
			return btrfs.RootItem{}, c.Err()
		}
		return btrfs.RootItem{}, fmt.Errorf("cannot compare subvolume %d: there is none", id)
	}
	r, err := btrfs.ParseRootItem(c.Item().Data)
	if err == nil && r.Refs == 0 && id != btrfs.TreeTop {
		err = fmt.Errorf("cannot compare subvolume %d: it is being deleted", id)
	}
	return r, err
}

func openRoot(ctx context.Context, s *btrfs.Scanner, id uint64) (root, error) {
	if id != btrfs.TreeTop && (id < btrfs.FirstFree || id > btrfs.LastFree) {
		return root{}, fmt.Errorf("cannot compare subvolume %d: not the id of a subvolume", id)
	}
	r, err := readRoot(ctx, s, id)
	if err != nil {
		return root{}, err
	}
	it, ok, err := s.Lookup(ctx, id, btrfs.Key{Object: top, Type: btrfs.TypeInodeItem})
	if err != nil {
		return root{}, err
	}
	if !ok {
		return root{}, fmt.Errorf("cannot compare subvolume %d: it has no top directory", id)
	}
	dir, err := btrfs.ParseInode(it.Data)
	if err != nil {
		return root{}, err
	}
	return root{
		Side:   Side{ID: id, UUID: r.UUID, Generation: r.Generation, ReadOnly: r.ReadOnly()},
		parent: r.ParentUUID, otransid: r.OTransid, ctransid: r.CTransid, top: dir, tree: nodes.TreeOf(r),
	}, nil
}

// ReadSide says what Run would report of a subvolume, without comparing: whoever
// keeps reports can tell by it whether one still holds. What is not on disk yet
// does not show: sync before. Needs CAP_SYS_ADMIN.
func ReadSide(ctx context.Context, fs *btrfs.FS, id uint64) (Side, error) {
	r, err := openRoot(ctx, fs.NewScanner(btrfs.PointBuffer), id)
	return r.Side, err
}
