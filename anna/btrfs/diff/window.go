package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A window shows the candidates of one tree, a large answer at a time, each
// with those of its items that are in new leaves. The kernel leaves out
// subtrees that are older.
type window struct {
	s      *btrfs.Scanner
	rest   btrfs.Range // not read yet
	done   bool
	wanted func(*btrfs.Item) bool
	pass   func(*btrfs.Item, btrfs.Answer) // for groups
	list   []group
	next   int // in list
	// Of the inodes from here to there list has all candidates.
	from, through uint64
}

func (w *window) start(r btrfs.Range) {
	w.rest, w.done, w.list, w.next = r, false, w.list[:0], 0
	w.from, w.through = 1, 0
}

// fill reads on. It may find no candidate.
func (w *window) fill(ctx context.Context) error {
	a, err := w.s.Ask(ctx, w.rest)
	if err != nil {
		return err
	}
	var last uint64
	w.next, w.from, w.through = 0, w.rest.Min.Object, w.rest.Max.Object
	if w.list, last, w.done, err = groups(a, w.list[:0], w.wanted, w.pass); w.done || err != nil {
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
	w.through = w.rest.Min.Object - 1
	return nil
}

// end leaves out what lies behind an inode.
func (w *window) end(through uint64) {
	w.rest.Max.Object = min(w.rest.Max.Object, through)
	w.done = w.done || w.rest.Min.Compare(w.rest.Max) > 0
	w.through = min(w.through, through)
	for n := len(w.list); n > w.next && w.list[n-1].ino > through; n-- {
		w.list = w.list[:n-1]
	}
}

// covers says whether an inode would be at hand, if it were a candidate.
func (w *window) covers(ino uint64) bool { return w.from <= ino && ino <= w.through }

// find looks an inode up among the candidates that are at hand; nil if it is none.
func (w *window) find(ino uint64) *group {
	low, high := 0, len(w.list)
	for low < high {
		if middle := (low + high) / 2; w.list[middle].ino < ino {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(w.list) && w.list[low].ino == ino {
		return &w.list[low]
	}
	return nil
}
