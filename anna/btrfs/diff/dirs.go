package diff

import (
	"bytes"
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// An entry is a name in a directory.
type entry struct {
	index   uint64
	at      btrfs.Key // an inode, or the root of a nested subvolume
	transid uint64    // when it was made
	name    string
}

// atEntryTransid is where an entry says when it was made (struct btrfs_dir_item).
const atEntryTransid = 17

func parseEntry(it btrfs.Item) (entry, error) {
	d, _, err := btrfs.ParseDirItem(it.Data)
	return entry{it.Key.Offset, d.Location, d.Transid, string(d.Name)}, err
}

// directories compares the entries of a directory that exists on both sides, and
// takes care of what lies behind those that only one side has. It says whether
// there are none.
func (e *engine) directories(dir uint64, fa, fb *feed) (same bool, err error) {
	d, many := parted{dir: dir}, false
	same = true
	err = e.sideBySide(dir, [2]*feed{fa, fb}, func(w which, x entry) (err error) {
		if !many {
			d.only[w] = append(d.only[w], x)
			if many = d.count() > mostKnown; !many {
				return nil
			}
			same, err = e.differ(d)
			return err
		}
		if same {
			if same, err = e.sameEntry(w, dir, x); err != nil {
				return err
			}
		}
		return e.behind(w, dir, x, x.at.Object)
	})
	if err != nil || many {
		return same, err
	}
	e.known.put(d)
	return e.differ(d)
}

// sideBySide goes through the entries of a directory on both sides in the order in
// which they were made, and hands on those that only one side has.
func (e *engine) sideBySide(dir uint64, f [2]*feed, only func(w which, x entry) error) (err error) {
	for w := range f {
		f[w].skipTo(e.ctx, btrfs.Key{Object: dir, Type: btrfs.TypeDirIndex})
	}
	for {
		if f[from].at(dir, btrfs.TypeDirIndex) && f[to].at(dir, btrfs.TypeDirIndex) &&
			f[from].item.Key == f[to].item.Key && bytes.Equal(f[from].item.Data, f[to].item.Data) && !e.madeApart(&f[from].item) {
			f[from].next(e.ctx)
			f[to].next(e.ctx)
			continue
		}
		var has [2]bool
		var x [2]entry
		for w := range f {
			if f[w].err != nil {
				return f[w].err
			}
			if has[w] = f[w].at(dir, btrfs.TypeDirIndex); has[w] {
				if x[w], err = parseEntry(f[w].item); err != nil {
					return err
				}
			}
		}
		var take [2]bool
		switch {
		case !has[from] && !has[to]:
			return nil
		case has[from] && has[to] && x[from] == x[to] && !e.rel.apart(x[from].transid):
			f[from].next(e.ctx)
			f[to].next(e.ctx)
			continue
		case has[from] && has[to] && x[from].index == x[to].index:
			take = [2]bool{true, true}
		case has[from] && (!has[to] || x[from].index < x[to].index):
			take[from] = true
		default:
			take[to] = true
		}
		for w := range f {
			if !take[w] {
				continue
			}
			if err := only(which(w), x[w]); err != nil {
				return err
			}
			f[w].next(e.ctx)
		}
	}
}

// madeApart says that an entry was made when the sides had parted.
func (e *engine) madeApart(it *btrfs.Item) bool {
	return len(it.Data) < atEntryTransid+8 || e.rel.apart(binary.LittleEndian.Uint64(it.Data[atEntryTransid:]))
}

// sameEntry says whether the other side has the name for the same inode too:
// an entry that was moved away and back is made anew.
func (e *engine) sameEntry(w which, dir uint64, x entry) (bool, error) {
	o := w.other()
	at, ok, err := e.trees[o].entry(e.ctx, dir, x.name)
	if err != nil || !ok || at != x.at || at.Type != btrfs.TypeInodeItem {
		return ok && at == x.at, err
	}
	i, err := e.trees[o].inode(e.ctx, at.Object)
	if err != nil || i == nil {
		return false, err
	}
	return e.both(o, at.Object, i)
}

// behind takes care of an entry that only one side has: if it leads to an inode
// that only this side has and that the source will not bring up, that one and
// all below it. through is the last inode that will be asked for next, close by.
func (e *engine) behind(w which, dir uint64, x entry, through uint64) error {
	n, err := e.visit(w, dir, x, through)
	if err != nil || n == nil || !n.isDir() {
		return err
	}
	return e.list(w, n.ino)
}

// visit reports what an entry leads to, unless it is somebody else's to report,
// and returns it then.
func (e *engine) visit(w which, dir uint64, x entry, through uint64) (*node, error) {
	if x.at.Type == btrfs.TypeRootItem {
		e.nest.found(w, link{dir, x.name}, x.at.Object)
		return nil, nil
	}
	if x.at.Type != btrfs.TypeInodeItem || e.brought(x) {
		return nil, nil
	}
	known, there := e.lookedUp(w, x)
	if known && there {
		return nil, nil // it is on both sides, and will come up
	}
	f := e.inner[w]
	f.seek(e.ctx, x.at.Object, through)
	n, err := head(e.ctx, f, x.at.Object)
	if err != nil {
		return nil, err
	}
	if n == nil {
		e.unsteady = true
		return nil, nil
	}
	if len(n.links) == 0 || e.owned(w, n.ino, &n.Inode) || n.links[0] != (link{dir, x.name}) {
		return nil, nil
	}
	if !known {
		o, err := e.trees[w.other()].inode(e.ctx, n.ino)
		if err != nil || o != nil && o.Links > 0 && e.identical(&n.Inode, o) {
			return nil, err
		}
	}
	return n, e.alone(w, n)
}

// lookedUp says whether it is known, without asking, that what an entry leads to,
// which the other side has no longer, is there at another place. It was on both
// sides when they parted; had it only lost this name, it would have been written,
// and be a candidate.
func (e *engine) lookedUp(w which, x entry) (known, there bool) {
	v := e.windows[w.other()]
	if v == nil || e.rel.fork == 0 || x.transid >= e.rel.fork {
		return false, false
	}
	g := v.find(x.at.Object)
	if g == nil {
		return v.covers(x.at.Object), false
	}
	items := g.items
	var it btrfs.Item
	if g.torn || !items.Next(&it) || it.Key.Type != btrfs.TypeInodeItem {
		return false, false
	}
	i, err := btrfs.ParseInode(it.Data)
	there = err == nil && i.Generation < e.rel.fork && i.Links > 0
	return there, there
}
