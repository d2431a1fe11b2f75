package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A reader reads all items of inodes that matter, neighbours by one call.
type reader struct {
	tree  uint64
	one   *btrfs.Scanner // an inode, or the head of a directory
	names *btrfs.Scanner // the entries of a directory
	many  *btrfs.Scanner // neighbours
	list  []group        // what many found
	next  int
	// An inode from here to there that is not in what is left of list does
	// not exist.
	from, to uint64
}

func newReader(fs *btrfs.FS, tree uint64, size int) *reader {
	return &reader{
		tree: tree, from: 1,
		one: fs.NewScanner(min(btrfs.PointBuffer, size)), names: fs.NewScanner(size), many: fs.NewScanner(size),
	}
}

func all(*btrfs.Item) bool { return true }

// read reads an inode. through is the last one that will be asked for next, all
// of them close together; guess is how many items the inode may have. fits is
// false for one whose items are too many. What it gives is valid until the next
// call.
func (r *reader) read(ctx context.Context, ino, through uint64, guess int) (p part, fits bool, err error) {
	if through > ino && (ino < r.from || ino > r.to) {
		if err := r.run(ctx, ino, through); err != nil {
			return part{}, false, err
		}
	}
	if ino >= r.from && ino <= r.to {
		r.from = ino + 1
		for r.next < len(r.list) && r.list[r.next].ino <= ino {
			r.next++
			if g := &r.list[r.next-1]; g.ino == ino {
				return part{head: g.items}, true, nil
			}
		}
		return part{}, true, nil
	}
	return r.single(ctx, ino, guess)
}

// run reads neighbours.
func (r *reader) run(ctx context.Context, ino, through uint64) error {
	a, err := r.many.Ask(ctx, btrfs.Range{
		Tree: r.tree, Min: btrfs.Key{Object: ino}, Max: btrfs.Key{Object: through, Type: 255, Offset: ^uint64(0)},
	})
	if err != nil {
		return err
	}
	var last uint64
	var whole bool
	r.next, r.from, r.to = 0, ino, through
	if r.list, last, whole, err = groups(a, r.list[:0], all, nil); !whole {
		r.to = last - 1
	}
	if err != nil || r.to < ino {
		r.from, r.to = 1, 0
	}
	return err
}

// single reads one inode. Of a directory it leaves out the half of the entries
// that is ordered by hash.
func (r *reader) single(ctx context.Context, ino uint64, guess int) (p part, fits bool, err error) {
	// The first item of the next inode shows that there is no more, at once: up
	// to a key the kernel would look at all items of the leaf.
	a, err := r.one.Ask(ctx, btrfs.Range{
		Tree: r.tree, Limit: uint32(guess) + 1,
		Min: btrfs.Key{Object: ino}, Max: btrfs.Key{Object: btrfs.LastFree, Type: 255, Offset: ^uint64(0)},
	})
	rest := a
	var it btrfs.Item
	dir := rest.Next(&it) && isDir(&it)
	rest.Skip(ino)
	end := rest
	if rest.Next(&it) || rest.Whole() {
		return part{head: a.Until(end)}, true, firstError(err, rest.Err())
	}
	if err = firstError(err, rest.Err()); err != nil {
		return part{}, false, err
	}
	ask := func(s *btrfs.Scanner, low, high uint8) (a btrfs.Answer, whole bool, err error) {
		a, err = s.Ask(ctx, btrfs.Range{
			Tree: r.tree, Min: btrfs.Key{Object: ino, Type: low}, Max: btrfs.Key{Object: ino, Type: high, Offset: ^uint64(0)},
		})
		rest := a
		rest.Skip(ino)
		rest.Next(&it) // none, unless it is damaged
		return a, rest.Whole(), firstError(err, rest.Err())
	}
	if !dir {
		a, whole, err := ask(r.one, 0, 255)
		return part{head: a}, whole, err
	}
	head, ended := before(a, btrfs.TypeDirItem)
	if !ended { // so many attributes
		var whole bool
		if head, whole, err = ask(r.one, 0, btrfs.TypeXattr); err != nil || !whole {
			return part{}, false, err
		}
	}
	body, whole, err := ask(r.names, btrfs.TypeDirIndex, btrfs.TypeDirIndex)
	return part{head, body}, whole, err
}

// before is the part of an answer that lies before items of a type; false if it
// has none.
func before(a btrfs.Answer, typ uint8) (btrfs.Answer, bool) {
	var it btrfs.Item
	for rest := a; ; {
		at := rest
		ok := rest.Next(&it)
		if !ok || it.Key.Type >= typ {
			return a.Until(at), ok
		}
	}
}

// headOf reads what there is of a directory before its entries. fits is false if
// that is more than most have.
func (r *reader) headOf(ctx context.Context, ino uint64) (a btrfs.Answer, fits bool, err error) {
	a, err = r.one.Ask(ctx, btrfs.Range{
		Tree: r.tree, Limit: headItems,
		Min: btrfs.Key{Object: ino}, Max: btrfs.Key{Object: ino, Type: btrfs.TypeDirItem, Offset: ^uint64(0)},
	})
	if head, ended := before(a, btrfs.TypeDirItem); err == nil && ended {
		return head, true, nil
	}
	rest := a
	rest.Skip(ino)
	return a, rest.Whole(), firstError(err, rest.Err())
}

// entries reads the entries of a directory in a gap, mostly few.
func (r *reader) entries(ctx context.Context, dir uint64, g gap) (a btrfs.Answer, err error) {
	for _, s := range []*btrfs.Scanner{r.one, r.names} {
		a, err = s.Ask(ctx, btrfs.Range{
			Tree: r.tree, Min: btrfs.Key{Object: dir, Type: btrfs.TypeDirIndex, Offset: g.low},
			Max: btrfs.Key{Object: dir, Type: btrfs.TypeDirIndex, Offset: g.high},
		})
		rest := a
		if rest.Skip(dir); err != nil || rest.Whole() {
			break
		}
	}
	return a, err
}
