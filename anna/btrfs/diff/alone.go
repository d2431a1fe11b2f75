package diff

import "github.com/jjgarcianorway/anna-assistant/anna/btrfs"

// single reports an inode that exists on one side only, and what it holds.
func (e *engine) single(w which, n *node) error {
	if err := e.alone(w, n); err != nil || !n.isDir() {
		return err
	}
	return e.list(w, n.ino)
}

// alone reports the names of an inode that exists on one side only.
func (e *engine) alone(w which, n *node) error {
	e.count(w, n, false)
	for i, l := range n.links {
		if err := e.aloneLink(w, n, l, i > 0); err != nil {
			return err
		}
	}
	return nil
}

// aloneLink reports one name. Where the other side has the same name for an
// inode that it alone has, the two are one change, which the older side reports.
func (e *engine) aloneLink(w which, n *node, l link, more bool) error {
	c, err := e.oneSided(w, n, l, more)
	if err != nil {
		return err
	}
	dir, err := e.counterpart(w, l.parent, 0)
	if err != nil {
		return err
	}
	if dir == 0 {
		return e.report(c)
	}
	o := w.other()
	at, ok, err := e.namesake(w, l, dir)
	switch {
	case err != nil:
		return err
	case !ok:
		return e.report(c)
	case at.Type == btrfs.TypeRootItem:
		e.nest.hold(place{w, l}, c)
		return nil
	}
	e.inner[o].seek(e.ctx, at.Object, at.Object)
	m, err := head(e.ctx, e.inner[o], at.Object)
	if err != nil {
		return err
	}
	if m == nil || len(m.links) == 0 {
		e.unsteady = true
		return e.report(c)
	}
	both, err := e.both(o, m.ino, &m.Inode)
	switch {
	case err != nil:
		return err
	case both:
		return e.report(c)
	case w == to: // the older side reports it
		return nil
	}
	return e.replaced(n, m, c, link{dir, l.name})
}

// replaced reports that at the place of one inode there is another one, at
// whose extents the inner feed of the newer side stands.
func (e *engine) replaced(a, b *node, c Change, at link) error {
	path, err := e.trees[to].path(e.ctx, at)
	if err != nil {
		return err
	}
	c.Kind = Replaced
	if path != c.Path {
		c.Path, c.FromPath = path, c.Path
	}
	c.Inode, c.Type = b.ino, b.kind()
	c.SizeAfter, c.AllocatedAfter = b.size(), e.allocated(b)
	c.LinkAfter = b.links[0] != at
	if a.kind() != b.kind() {
		c.Kind, c.FromType = TypeChanged, a.kind()
		return e.report(c)
	}
	c.Attributes = attributes(a, b)
	if a.sized() {
		e.inner[from].seek(e.ctx, a.ino, a.ino)
		if c.Content, _, err = e.cmp.compare(e.ctx, e.inner[from], e.inner[to], a, b); err != nil {
			return err
		}
	}
	return e.report(c)
}

// oneSided is the change of a name of an inode that has no counterpart. more says
// that it is one more name of an inode whose size counts with another one.
func (e *engine) oneSided(w which, n *node, l link, more bool) (Change, error) {
	path, err := e.trees[w].path(e.ctx, l)
	c := Change{Kind: Added, Path: path, Type: n.kind(), Inode: n.ino}
	if w == from {
		c.Kind = Removed
	}
	e.sizes(w, n, more, &c)
	return c, err
}
