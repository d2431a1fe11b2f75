package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A feed gives the items of one inode after the other, in the order of their
// keys: as it reads them, without holding more than one answer of the kernel,
// or from answers that are there already.
type feed struct {
	s    *btrfs.Scanner
	tree uint64

	c     *btrfs.Cursor // nil: from held
	held  btrfs.Answer
	more  btrfs.Answer // follows held
	item  btrfs.Item
	ok    bool // item is valid
	to    btrfs.Key
	limit uint32
	seen  uint32
	err   error
}

func newFeed(fs *btrfs.FS, tree uint64) *feed {
	return &feed{s: fs.NewScanner(btrfs.PointBuffer), tree: tree}
}

// hold gives the items of answers that are there. They must stay valid.
func (f *feed) hold(p part) {
	f.c, f.err = nil, nil
	f.held, f.more = p.head, p.body
	f.step()
}

// firstItems is how many items of an inode are asked for at first: enough for
// most files, without copying a huge one for its attributes, or the half of a
// directory that is not needed.
const firstItems = 16

// seek goes to the first item of an inode. through is the last inode that will
// be asked for next: when it is not far off, one answer holds all of them.
func (f *feed) seek(ctx context.Context, ino, through uint64) {
	ahead := f.c != nil && f.ok && f.err == nil && ino <= f.to.Object && f.item.Key.Compare(btrfs.Key{Object: ino, Type: btrfs.TypeInodeItem}) <= 0
	if ahead {
		for f.ok && f.item.Key.Object < ino {
			f.next(ctx)
		}
		if f.err == nil {
			return
		}
	}
	limit := uint32(firstItems)
	if through > ino {
		limit *= uint32(min(through-ino+1, 256))
	}
	f.open(ctx, btrfs.Key{Object: ino}, btrfs.Key{Object: max(through, ino), Type: 255, Offset: ^uint64(0)}, limit)
}

func (f *feed) open(ctx context.Context, from, to btrfs.Key, limit uint32) {
	f.to, f.limit, f.seen, f.err = to, limit, 0, nil
	f.c = f.s.Scan(ctx, btrfs.Range{Tree: f.tree, Min: from, Max: to, Limit: limit})
	f.step()
}

func (f *feed) step() {
	if f.c == nil {
		if f.ok = f.held.Next(&f.item); !f.ok {
			f.ok = f.more.Next(&f.item)
			f.err = firstError(f.held.Err(), f.more.Err())
		}
		return
	}
	if f.ok = f.c.Next(); f.ok {
		f.item = f.c.Item()
		f.seen++
	} else {
		f.err = f.c.Err()
	}
}

func (f *feed) next(ctx context.Context) {
	if !f.ok {
		return
	}
	last := f.item.Key
	if f.step(); f.ok || f.short() {
		return
	}
	if from, more := last.Next(); more && from.Compare(f.to) <= 0 {
		f.open(ctx, from, f.to, 0)
	}
}

// short says that the end of what was asked for is the end of what there is.
func (f *feed) short() bool { return f.c == nil || f.err != nil || f.limit == 0 || f.seen < f.limit }

// skipTo goes forward to a key: by reading on when it is near, by asking anew
// when it is not.
func (f *feed) skipTo(ctx context.Context, key btrfs.Key) {
	const near = 64
	for n := 0; f.ok && f.item.Key.Compare(key) < 0; n++ {
		if f.step(); f.ok && (f.c == nil || n < near) {
			continue
		}
		if !f.ok && f.short() {
			return
		}
		f.open(ctx, key, f.to, 0)
		return
	}
}

// at says whether the feed stands at an item of the inode, of that type.
func (f *feed) at(ino uint64, typ uint8) bool {
	return f.ok && f.item.Key.Object == ino && f.item.Key.Type == typ
}
