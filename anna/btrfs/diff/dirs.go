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

func parseEntry(it btrfs.Item) (entry, error) {
	d, _, err := btrfs.ParseDirItem(it.Data)
	return entry{it.Key.Offset, d.Location, d.Transid, string(d.Name)}, err
}

// directories compares the entries of a directory that exists on both sides,
// side by side in the order in which they were made, and takes care of what
// lies behind those that only one side has. It says whether there are none.
func (e *engine) directories(dir uint64, fa, fb *feed) (same bool, err error) {
	f := [2]*feed{fa, fb}
	for w := range f {
		f[w].skipTo(e.ctx, btrfs.Key{Object: dir, Type: btrfs.TypeDirIndex})
	}
	same = true
	for {
		if f[from].at(dir, btrfs.TypeDirIndex) && f[to].at(dir, btrfs.TypeDirIndex) &&
			f[from].item.Key == f[to].item.Key && bytes.Equal(f[from].item.Data, f[to].item.Data) {
			f[from].next(e.ctx)
			f[to].next(e.ctx)
			continue
		}
		var has [2]bool
		var x [2]entry
		for w := range f {
			if f[w].err != nil {
				return same, f[w].err
			}
			if has[w] = f[w].at(dir, btrfs.TypeDirIndex); has[w] {
				if x[w], err = parseEntry(f[w].item); err != nil {
					return same, err
				}
			}
		}
		var take [2]bool
		switch {
		case !has[from] && !has[to]:
			return same, nil
		case has[from] && has[to] && x[from] == x[to]:
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
			if same {
				if same, err = e.sameEntry(which(w), dir, x[w]); err != nil {
					return false, err
				}
			}
			if err := e.behind(which(w), dir, x[w]); err != nil {
				return same, err
			}
			f[w].next(e.ctx)
		}
	}
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
// all below it.
func (e *engine) behind(w which, dir uint64, x entry) error {
	n, err := e.visit(w, dir, x)
	if err != nil || n == nil || !n.isDir() {
		return err
	}
	return e.list(w, n.ino)
}

// visit reports what an entry leads to, unless it is somebody else's to report,
// and returns it then.
func (e *engine) visit(w which, dir uint64, x entry) (*node, error) {
	if x.at.Type == btrfs.TypeRootItem {
		e.nest.found(w, link{dir, x.name}, x.at.Object)
		return nil, nil
	}
	if x.at.Type != btrfs.TypeInodeItem || e.brought(x) || e.broughtByOther(w, x) {
		return nil, nil
	}
	f := e.inner[w]
	f.seek(e.ctx, x.at.Object, x.at.Object)
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
	o, err := e.trees[w.other()].inode(e.ctx, n.ino)
	if err != nil || o != nil && e.identical(&n.Inode, o) {
		return nil, err
	}
	return n, e.alone(w, n)
}

// broughtByOther says that what an entry leads to is a candidate of the other side, which
// was there when the sides parted: so it is on both, and will come up.
func (e *engine) broughtByOther(w which, x entry) bool {
	o := e.windows[w.other()]
	if o == nil || e.rel.fork == 0 || x.transid >= e.rel.fork {
		return false
	}
	g, ok := o.find(x.at.Object)
	if !ok {
		return false
	}
	items := g.items
	var it btrfs.Item
	return items.Next(&it) && it.Key.Type == btrfs.TypeInodeItem && len(it.Data) >= 8 && binary.LittleEndian.Uint64(it.Data) < e.rel.fork
}
