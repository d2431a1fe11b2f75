package diff

import (
	"bytes"
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A directory that only one side wrote need not be read whole. What it has from
// before the sides parted is on the other side too; what it lost since lies there,
// by its index, between those.

// parted is the entries of a directory that only one side has, by their index.
type parted struct {
	dir  uint64
	only [2][]entry
}

func (d *parted) count() int { return len(d.only[from]) + len(d.only[to]) }

// A gap is a range of indexes.
type gap struct{ low, high uint64 }

// firstIndex is the index of the first entry of a directory.
const firstIndex = 2

// headItems is how many items of a directory are asked for to see its head: the
// inode, its name, an attribute, and what shows that no more of them follow.
const headItems = 4

// mostGaps is how many gaps of a directory are looked into. mostLost is how many
// entries found in one are looked up by name, before the gap is read on both sides.
const (
	mostGaps = 6
	mostLost = 2
)

// oneWroteDir classifies a directory that only side w wrote, by its items in new
// leaves and by what the other side has where they leave a gap. It is false where
// that is not enough.
func (e *engine) oneWroteDir(w which, n *node, items btrfs.Answer) (done bool, err error) {
	o := w.other()
	theirs, fits, err := e.near[o].headOf(e.ctx, n.ino)
	if err != nil || !fits {
		return false, err
	}
	e.held[o].hold(part{head: theirs})
	var m [2]*node
	m[w] = n
	if m[o], err = head(e.ctx, e.held[o], n.ino); err != nil || m[o] == nil || !e.identical(&m[from].Inode, &m[to].Inode) {
		return false, err
	}
	if ok, err := e.complete(w, n, part{head: items}, part{head: theirs}); err != nil || !ok {
		return false, err
	}
	d := parted{dir: n.ino}
	gaps, ok, err := e.freshEntries(items, &d.only[w])
	if err != nil || !ok {
		return false, err
	}
	for _, g := range gaps {
		if ok, err := e.lostEntries(w, n.ino, g, &d.only[o]); err != nil || !ok {
			return false, err
		}
	}
	e.known.put(d)
	e.parted = d
	defer func() { e.parted = parted{} }()
	return true, e.judge(n.ino, m, e.held)
}

// freshEntries finds the entries among the items of a directory that were made
// since the sides parted, and the gaps between the older ones. It is false where
// the gaps are too many, and where it cannot be told which entries are older.
func (e *engine) freshEntries(items btrfs.Answer, list *[]entry) (gaps []gap, ok bool, err error) {
	next := uint64(0)
	var it btrfs.Item
	for items.Next(&it) {
		if it.Key.Type != btrfs.TypeDirIndex {
			continue
		}
		transid := e.rel.fork
		if len(it.Data) >= atEntryTransid+8 {
			transid = binary.LittleEndian.Uint64(it.Data[atEntryTransid:])
		}
		switch index := it.Key.Offset; {
		case transid == e.rel.fork: // before it, or after it
			return nil, false, nil
		case transid > e.rel.fork:
			x, err := parseEntry(it)
			if err != nil {
				return nil, false, err
			}
			*list = append(*list, x)
		default:
			if index > max(next, firstIndex) {
				gaps = append(gaps, gap{next, index - 1})
			}
			next = index + 1
		}
		if len(gaps) == mostGaps {
			return nil, false, nil
		}
	}
	return append(gaps, gap{next, ^uint64(0)}), true, items.Err()
}

// lostEntries finds the entries of a gap that side w, which wrote the directory,
// has no longer. It is false if the gap holds too much.
func (e *engine) lostEntries(w which, dir uint64, g gap, list *[]entry) (ok bool, err error) {
	o := w.other()
	theirs, err := e.near[o].entries(e.ctx, dir, g)
	if err != nil {
		return false, err
	}
	var found []entry
	few := true
	rest := theirs
	for it := (btrfs.Item{}); few && rest.Next(&it); few = len(found) <= mostLost {
		x, err := parseEntry(it)
		if err != nil {
			return false, err
		}
		// An old leaf may hold it here as well: then it is where it was.
		at, still, err := e.trees[w].entry(e.ctx, dir, x.name)
		if err != nil {
			return false, err
		}
		if still && at == x.at {
			few = false
			break
		}
		found = append(found, x)
	}
	if few {
		*list = append(*list, found...)
		return rest.Whole(), rest.Err()
	}
	ours, err := e.near[w].entries(e.ctx, dir, g)
	if err != nil {
		return false, err
	}
	var x, y btrfs.Item
	more := ours.Next(&y)
	for theirs.Next(&x) {
		for more && y.Key.Compare(x.Key) < 0 {
			more = ours.Next(&y)
		}
		if more && y.Key == x.Key && bytes.Equal(x.Data, y.Data) {
			continue
		}
		lost, err := parseEntry(x)
		if err != nil {
			return false, err
		}
		*list = append(*list, lost)
	}
	for more {
		more = ours.Next(&y)
	}
	return theirs.Whole() && ours.Whole(), firstError(theirs.Err(), ours.Err())
}

// differ takes care of the entries of a directory that only one side has. It says
// whether there are none that matter.
func (e *engine) differ(d parted) (same bool, err error) {
	same = true
	for w, list := range d.only {
		for _, x := range list {
			if same {
				if same, err = e.sameEntry(which(w), d.dir, x); err != nil {
					return false, err
				}
			}
		}
	}
	for d.count() > 0 {
		w := to
		if len(d.only[to]) == 0 || len(d.only[from]) > 0 && d.only[from][0].index <= d.only[to][0].index {
			w = from
		}
		list := d.only[w]
		d.only[w] = list[1:]
		if err := e.behind(w, d.dir, list[0], runOf(list)); err != nil {
			return same, err
		}
	}
	return same, nil
}

// entryGap is how far apart the inodes of entries may be to be read together.
const entryGap = 8

// runOf is the last of the inodes that some entries in a row lead to, beginning with
// the first of them, as long as they are close together.
func runOf(list []entry) uint64 {
	end := list[0].at.Object
	for _, x := range list[1:] {
		if x.at.Type != btrfs.TypeInodeItem || x.at.Object <= end || x.at.Object-end > entryGap || x.at.Object-list[0].at.Object >= runMost {
			break
		}
		end = x.at.Object
	}
	return end
}
