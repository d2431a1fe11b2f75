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
	if x.at.Type != btrfs.TypeInodeItem || e.brought(x) || e.moved(w, x) {
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

// moved says that what an entry leads to is a candidate of the other side, which
// was there when the sides parted: so it is on both, and will come up.
func (e *engine) moved(w which, x entry) bool {
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

// A page is a directory that is being listed: entries read but not visited,
// and where to read on.
type page struct {
	dir  uint64
	next uint64
	list []entry
	done bool
}

// pageSize is how many entries are held for each level of directories.
const pageSize = 64

// list goes through everything below a directory that only one side has.
func (e *engine) list(w which, dir uint64) error {
	stack := []page{{dir: dir}}
	for len(stack) > 0 {
		p := &stack[len(stack)-1]
		if len(p.list) == 0 {
			if p.done {
				stack = stack[:len(stack)-1]
				continue
			}
			if err := e.read(w, p); err != nil {
				return err
			}
			continue
		}
		x := p.list[0]
		p.list = p.list[1:]
		n, err := e.visit(w, p.dir, x)
		if err != nil {
			return err
		}
		if n != nil && n.isDir() && len(stack) < maxDepth {
			stack = append(stack, page{dir: n.ino})
		}
	}
	return nil
}

// read reads the next page of a directory.
func (e *engine) read(w which, p *page) error {
	c := e.trees[w].s.Scan(e.ctx, btrfs.Range{
		Tree: e.trees[w].id, Limit: pageSize, Types: btrfs.Types(btrfs.TypeDirIndex),
		Min: btrfs.Key{Object: p.dir, Type: btrfs.TypeDirIndex, Offset: p.next},
		Max: btrfs.Key{Object: p.dir, Type: btrfs.TypeDirIndex, Offset: ^uint64(0)},
	})
	for c.Next() {
		x, err := parseEntry(c.Item())
		if err != nil {
			return err
		}
		p.list, p.next = append(p.list, x), x.index+1
	}
	p.done = len(p.list) < pageSize || p.next == 0
	return c.Err()
}

// counterpart is the directory of the other side at the same place: the same
// inode, or one that replaced it. 0 if there is none.
func (e *engine) counterpart(w which, dir uint64, depth int) (uint64, error) {
	if dir == top {
		return top, nil
	}
	if found, ok := e.match[w].get(dir); ok {
		return found, nil
	}
	found, err := e.findCounterpart(w, dir, depth)
	if err == nil {
		e.match[w].put(dir, found)
	}
	return found, err
}

func (e *engine) findCounterpart(w which, dir uint64, depth int) (uint64, error) {
	i, err := e.trees[w].dir(e.ctx, dir)
	if err != nil || i == nil || depth > maxDepth {
		return 0, err
	}
	if both, err := e.bothDirs(w, dir, i); err != nil || both {
		return dir, err
	}
	if !i.linked {
		return 0, nil
	}
	l := i.link
	above, err := e.counterpart(w, l.parent, depth+1)
	if err != nil || above == 0 {
		return 0, err
	}
	o := w.other()
	at, ok, err := e.trees[o].entry(e.ctx, above, l.name)
	if err != nil || !ok || at.Type != btrfs.TypeInodeItem {
		return 0, err
	}
	if i, err = e.trees[o].dir(e.ctx, at.Object); err != nil || i == nil || typeOf(i.Mode) != Dir {
		return 0, err
	}
	if both, err := e.bothDirs(o, at.Object, i); err != nil || both {
		return 0, err
	}
	return at.Object, nil
}
