package diff

import (
	"context"
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A part is the items of one inode that are at hand, in two pieces: what lies
// between them is not needed.
type part struct{ head, body btrfs.Answer }

// A group is the items of one inode in an answer.
type group struct {
	ino   uint64
	items btrfs.Answer
	// torn says that the items are too many for one answer; they are not here.
	torn bool
}

// groups splits an answer by inodes, of which it keeps those whose first item is
// wanted. last is the inode that the answer ends with: it may go on behind the
// answer unless whole says that all of the range is there.
func groups(a btrfs.Answer, list []group, wanted func(*btrfs.Item) bool) (_ []group, last uint64, whole bool, err error) {
	start, keep := a, false
	var it btrfs.Item
	for {
		a.Skip(last)
		before := a
		ok := a.Next(&it)
		if keep {
			list = append(list, group{ino: last, items: start.Until(before)})
		}
		if !ok {
			return list, last, a.Whole(), a.Err()
		}
		last, start, keep = it.Key.Object, before, wanted(&it)
	}
}

// A window shows the candidates of one tree, a large answer at a time, each
// with those of its items that are in new leaves. The kernel leaves out
// subtrees that are older.
type window struct {
	s      *btrfs.Scanner
	rest   btrfs.Range // not read yet
	done   bool
	wanted func(*btrfs.Item) bool
	list   []group
	next   int // in list
}

func (w *window) start(r btrfs.Range) { w.rest, w.done, w.list, w.next = r, false, w.list[:0], 0 }

// fill reads on. It may find no candidate.
func (w *window) fill(ctx context.Context) error {
	a, err := w.s.Ask(ctx, w.rest)
	if err != nil {
		return err
	}
	var last uint64
	w.next = 0
	if w.list, last, w.done, err = groups(a, w.list[:0], w.wanted); w.done || err != nil {
		return err
	}
	// What may be cut off at the end is read again; if it is alone in the
	// answer, that would not help.
	var first btrfs.Item
	a.Next(&first)
	n := len(w.list)
	switch cut := n > 0 && w.list[n-1].ino == last; {
	case first.Key.Object != last:
		w.rest.Min = btrfs.Key{Object: last}
		if cut {
			w.list = w.list[:n-1]
		}
	default:
		w.rest.Min = btrfs.Key{Object: last + 1}
		if cut {
			w.list[n-1] = group{ino: last, torn: true}
		}
	}
	w.done = w.rest.Min.Compare(w.rest.Max) > 0
	return nil
}

// end leaves out what lies behind an inode.
func (w *window) end(through uint64) {
	w.rest.Max = btrfs.Key{Object: through, Type: 255, Offset: ^uint64(0)}
	w.done = w.done || w.rest.Min.Compare(w.rest.Max) > 0
	for n := len(w.list); n > w.next && w.list[n-1].ino > through; n-- {
		w.list = w.list[:n-1]
	}
}

// find looks an inode up among the candidates that are at hand.
func (w *window) find(ino uint64) (*group, bool) {
	low, high := 0, len(w.list)
	for low < high {
		if middle := (low + high) / 2; w.list[middle].ino < ino {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(w.list) && w.list[low].ino == ino && !w.list[low].torn {
		return &w.list[low], true
	}
	return nil, false
}

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
// of them close together. fits is false for one whose items are too many. What
// it gives is valid until the next call.
func (r *reader) read(ctx context.Context, ino, through uint64) (p part, fits bool, err error) {
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
	return r.single(ctx, ino)
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
	if r.list, last, whole, err = groups(a, r.list[:0], all); !whole {
		r.to = last - 1
	}
	if err != nil || r.to < ino {
		r.from, r.to = 1, 0
	}
	return err
}

// single reads one inode. Of a directory it leaves out the half of the entries
// that is ordered by hash.
func (r *reader) single(ctx context.Context, ino uint64) (p part, fits bool, err error) {
	ask := func(s *btrfs.Scanner, low, high uint8, limit uint32) (a btrfs.Answer, mode uint32, whole bool, err error) {
		a, err = s.Ask(ctx, btrfs.Range{
			Tree: r.tree, Limit: limit,
			Min: btrfs.Key{Object: ino, Type: low}, Max: btrfs.Key{Object: ino, Type: high, Offset: ^uint64(0)},
		})
		rest := a
		var first, last btrfs.Item
		if rest.Next(&first) && first.Key.Type == btrfs.TypeInodeItem && len(first.Data) >= 56 {
			mode = binary.LittleEndian.Uint32(first.Data[52:])
		}
		rest.Skip(ino)
		rest.Next(&last) // none, unless it is damaged
		return a, mode, rest.Whole(), firstError(err, rest.Err())
	}
	a, mode, whole, err := ask(r.one, 0, 255, firstItems)
	switch {
	case err != nil || whole:
		return part{head: a}, true, err
	case typeOf(mode) != Dir:
		a, _, whole, err = ask(r.one, 0, 255, 0)
		return part{head: a}, whole, err
	}
	head, ended := before(a, btrfs.TypeDirItem)
	if !ended { // so many attributes
		if head, _, whole, err = ask(r.one, 0, btrfs.TypeXattr, 0); err != nil || !whole {
			return part{}, false, err
		}
	}
	body, _, whole, err := ask(r.names, btrfs.TypeDirIndex, btrfs.TypeDirIndex, 0)
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
