package diff

import (
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// Two subvolumes that are not related have no inode in common, whatever the
// numbers say: what has the same path is the same thing, and renames cannot be
// told. Directories are read in the order of their names' hashes, which is how
// both trees keep them.

// A level is a pair of directories that is being compared.
type level struct {
	dirs  [2]uint64
	next  [2]uint64 // hashes to read on from
	list  [2][]entry
	done  [2]bool
	paths [2]string
	node  [2]*node
	same  bool // the names are
}

// walk compares name by name.
func (e *engine) walk(progress func(uint64)) error {
	first := &level{dirs: [2]uint64{top, top}, same: true, paths: [2]string{"", ""}}
	for w := range first.node {
		n, err := e.load(which(w), top)
		if err != nil {
			return err
		}
		first.node[w] = n
	}
	stack := []*level{first}
	for len(stack) > 0 {
		l := stack[len(stack)-1]
		below, more, err := e.walkStep(l)
		if err != nil {
			return err
		}
		switch {
		case below != nil && len(stack) < maxDepth:
			stack = append(stack, below)
		case !more:
			if err := e.walkDir(l); err != nil {
				return err
			}
			progress(l.dirs[to])
			stack = stack[:len(stack)-1]
		}
	}
	return nil
}

// load reads an inode with an inner feed.
func (e *engine) load(w which, ino uint64) (*node, error) {
	f := e.inner[w]
	f.seek(e.ctx, ino, ino)
	n, err := head(e.ctx, f, ino)
	if err == nil && n == nil {
		e.unsteady = true
	}
	return n, err
}

// walkDir reports the attributes of a directory, when all in it was seen.
func (e *engine) walkDir(l *level) error {
	a, b := l.node[from], l.node[to]
	if a == nil || b == nil {
		return nil
	}
	attrs := attributes(a, b)
	if !l.same {
		attrs = slices.DeleteFunc(attrs, func(s string) bool { return s == attrMtime })
	}
	if len(attrs) == 0 {
		return nil
	}
	path := l.paths[to]
	if path == "" {
		path = "."
	}
	return e.report(Change{Kind: Metadata, Path: path, Type: Dir, Inode: b.ino, Attributes: attrs})
}

// walkStep handles the next name of a level; below is a pair of directories to
// go into. more is false at the end.
func (e *engine) walkStep(l *level) (below *level, more bool, err error) {
	for w := range l.dirs {
		if len(l.list[w]) == 0 && !l.done[w] {
			if err := e.readHashed(which(w), l); err != nil {
				return nil, false, err
			}
		}
	}
	a, b := l.list[from], l.list[to]
	var order int
	switch {
	case len(a) == 0 && len(b) == 0:
		return nil, false, nil
	case len(b) == 0:
		order = -1
	case len(a) == 0:
		order = 1
	default:
		order = compareHashed(a[0], b[0])
	}
	if order <= 0 {
		l.list[from] = a[1:]
	}
	if order >= 0 {
		l.list[to] = b[1:]
	}
	if order == 0 {
		below, err = e.walkPair(l, a[0], b[0])
		return below, true, err
	}
	l.same = false
	if order < 0 {
		return nil, true, e.walkAlone(from, l.dirs[from], l.paths[from], a[0])
	}
	return nil, true, e.walkAlone(to, l.dirs[to], l.paths[to], b[0])
}

func compareHashed(a, b entry) int {
	switch {
	case a.index != b.index:
		if a.index < b.index {
			return -1
		}
		return 1
	case a.name != b.name:
		if a.name < b.name {
			return -1
		}
		return 1
	}
	return 0
}

// readHashed reads a page of a directory's entries by hash and name.
func (e *engine) readHashed(w which, l *level) error {
	c := e.trees[w].s.Scan(e.ctx, btrfs.Range{
		Tree: e.trees[w].id, Limit: pageSize, Types: btrfs.Types(btrfs.TypeDirItem),
		Min: btrfs.Key{Object: l.dirs[w], Type: btrfs.TypeDirItem, Offset: l.next[w]},
		Max: btrfs.Key{Object: l.dirs[w], Type: btrfs.TypeDirItem, Offset: ^uint64(0)},
	})
	n := 0
	for c.Next() {
		it := c.Item()
		for b := it.Data; len(b) > 0; {
			d, used, err := btrfs.ParseDirItem(b)
			if err != nil {
				return err
			}
			l.list[w] = append(l.list[w], entry{it.Key.Offset, d.Location, d.Transid, string(d.Name)})
			b = b[used:]
		}
		l.next[w] = it.Key.Offset + 1
		n++
	}
	slices.SortFunc(l.list[w], compareHashed)
	l.done[w] = n < pageSize || l.next[w] == 0
	return c.Err()
}

// walkAlone reports what only one side has, and all below it.
func (e *engine) walkAlone(w which, dir uint64, path string, x entry) error {
	type pending struct {
		page
		path string
	}
	// A directory of one entry starts the list.
	stack := []pending{{page{dir: dir, list: []entry{x}, done: true}, path}}
	for len(stack) > 0 {
		p := &stack[len(stack)-1]
		if len(p.list) == 0 {
			if p.done {
				stack = stack[:len(stack)-1]
			} else if err := e.readPage(w, &p.page); err != nil {
				return err
			}
			continue
		}
		x := p.list[0]
		p.list = p.list[1:]
		at := join(p.path, x.name)
		isDir, err := e.walkOne(w, p.dir, at, x)
		if err != nil {
			return err
		}
		if isDir && len(stack) < maxDepth {
			stack = append(stack, pending{page{dir: x.at.Object}, at})
		}
	}
	return nil
}

func (e *engine) walkOne(w which, dir uint64, path string, x entry) (isDir bool, err error) {
	kind := Removed
	if w == to {
		kind = Added
	}
	if x.at.Type == btrfs.TypeRootItem {
		return false, e.report(Change{Kind: kind, Path: path, Type: Subvolume, Inode: x.at.Object})
	}
	n, err := e.load(w, x.at.Object)
	if err != nil || n == nil || len(n.links) == 0 {
		return false, err
	}
	c := Change{Kind: kind, Path: path, Type: n.kind(), Inode: n.ino}
	more := n.links[0] != link{dir, x.name}
	e.sizes(w, n, more, &c)
	e.count(w, n, more)
	// A directory has one name: what is found under another is damage.
	return n.isDir() && !more, e.report(c)
}

// walkPair compares what has the same path on both sides.
func (e *engine) walkPair(l *level, x, y entry) (*level, error) {
	paths := [2]string{join(l.paths[from], x.name), join(l.paths[to], y.name)}
	xs, ys := x.at.Type == btrfs.TypeRootItem, y.at.Type == btrfs.TypeRootItem
	if xs && ys {
		return nil, nil // what they hold is not looked at
	}
	c := Change{Path: paths[to]}
	var n [2]*node
	for w, x := range []entry{x, y} {
		if x.at.Type == btrfs.TypeRootItem {
			continue
		}
		var err error
		if n[w], err = e.load(which(w), x.at.Object); err != nil {
			return nil, err
		}
		if n[w] == nil || len(n[w].links) == 0 {
			return nil, nil // gone meanwhile
		}
		more := n[w].links[0] != link{l.dirs[w], x.name}
		e.count(which(w), n[w], more)
		e.sizes(which(w), n[w], more, &c)
	}
	a, b := n[from], n[to]
	types := [2]Type{Subvolume, Subvolume}
	c.Inode = y.at.Object
	if a != nil {
		types[from] = a.kind()
	}
	if b != nil {
		types[to] = b.kind()
	}
	c.Type = types[to]
	if types[from] != types[to] {
		c.Kind, c.FromType = TypeChanged, types[from]
		if err := e.report(c); err != nil {
			return nil, err
		}
		return nil, firstError(e.walkBelow(from, a, paths[from]), e.walkBelow(to, b, paths[to]))
	}
	if a.isDir() {
		if c.LinkBefore || c.LinkAfter { // damage, see walkOne
			e.unsteady = true
			return nil, nil
		}
		return &level{dirs: [2]uint64{a.ino, b.ino}, same: true, paths: paths, node: n}, nil
	}
	c.Attributes = attributes(a, b)
	if a.sized() {
		var err error
		if c.Content, _, err = e.cmp.compare(e.ctx, e.inner[from], e.inner[to], a, b); err != nil {
			return nil, err
		}
	}
	// That it is stored elsewhere means nothing here.
	if c.Kind = kindOf(c, false); c.Kind == "" {
		return nil, nil
	}
	return nil, e.report(c)
}

// walkBelow reports what a directory holds that is no directory on the other side.
func (e *engine) walkBelow(w which, n *node, path string) error {
	if n == nil || !n.isDir() {
		return nil
	}
	p := page{dir: n.ino}
	for !p.done {
		if err := e.readPage(w, &p); err != nil {
			return err
		}
		for _, x := range p.list {
			if err := e.walkAlone(w, n.ino, path, x); err != nil {
				return err
			}
		}
		p.list = p.list[:0]
	}
	return nil
}
