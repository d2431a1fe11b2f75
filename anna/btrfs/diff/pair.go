package diff

import "slices"

// pair reports what differs of an inode that exists on both sides. The feeds
// stand behind its head.
func (e *engine) pair(a, b *node, fa, fb *feed) error {
	e.summary.SizeDelta += int64(b.size()) - int64(a.size())
	e.summary.AllocatedDelta += int64(e.allocated(b)) - int64(e.allocated(a))
	c := Change{
		Inode: b.ino, Type: b.kind(), Attributes: attributes(a, b),
		SizeBefore: a.size(), SizeAfter: b.size(), AllocatedBefore: e.allocated(a), AllocatedAfter: e.allocated(b),
	}
	stored := false
	var err error
	switch {
	case a.kind() != b.kind(): // no kernel does that to an inode
		c.Kind, c.FromType = TypeChanged, a.kind()
	case a.sized():
		c.Content, stored, err = e.cmp.compare(e.ctx, fa, fb, a, b)
	case a.isDir():
		var same bool
		if e.parted.dir == a.ino {
			same, err = e.differ(e.parted)
		} else {
			same, err = e.directories(a.ino, fa, fb)
		}
		if !same {
			c.Attributes = slices.DeleteFunc(c.Attributes, func(s string) bool { return s == attrMtime })
		}
	}
	if err != nil {
		return err
	}
	if c.Kind == "" {
		c.Kind = kindOf(c, stored)
	}
	return e.names(a, b, c)
}

// kindOf is the kind of a change at one place; "" for none.
func kindOf(c Change, stored bool) Kind {
	onlyTime := len(c.Attributes) == 0 || slices.Equal(c.Attributes, []string{attrMtime})
	switch {
	case c.Content == ContentChanged || c.Content == ContentUnknown:
		return Modified
	case stored && onlyTime:
		return Identical
	case len(c.Attributes) > 0:
		return Metadata
	}
	return ""
}

// names reports an inode on both sides by its names. Names that only one side
// has are renames as far as they come in pairs; the rest are links made or
// removed. What else changed is said once: with the first rename, or else at
// the first name that stayed.
func (e *engine) names(a, b *node, c Change) error {
	var gone, made []link
	var stayed []link
	x, y := a.links, b.links
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].compare(y[0]) < 0:
			gone, x = append(gone, x[0]), x[1:]
		case len(x) == 0 || y[0].compare(x[0]) < 0:
			made, y = append(made, y[0]), y[1:]
		default:
			same, err := e.sameDir(x[0].parent)
			if err != nil {
				return err
			}
			if same {
				stayed = append(stayed, x[0])
			} else {
				gone, made = append(gone, x[0]), append(made, y[0])
			}
			x, y = x[1:], y[1:]
		}
	}
	said := false
	for i := range max(len(gone), len(made)) {
		var err error
		switch {
		case i >= len(gone):
			err = e.linkChange(to, b, made[i])
		case i >= len(made):
			err = e.linkChange(from, a, gone[i])
		default:
			err = e.renamed(a, b, c, gone[i], made[i], said)
			said = true
		}
		if err != nil {
			return err
		}
	}
	if said || c.Kind == "" || len(stayed) == 0 {
		return nil
	}
	return e.place(a, b, c, stayed[0], stayed[0])
}

func (e *engine) renamed(a, b *node, c Change, x, y link, said bool) error {
	c.Kind = Renamed
	if said {
		c.Attributes, c.Content = nil, ""
	}
	return e.place(a, b, c, x, y)
}

// place reports a change that leads from one link to another.
func (e *engine) place(a, b *node, c Change, x, y link) error {
	old, err := e.trees[from].path(e.ctx, x)
	if err != nil {
		return err
	}
	if c.Path, err = e.trees[to].path(e.ctx, y); err != nil {
		return err
	}
	if old != c.Path {
		c.FromPath = old
	}
	c.LinkBefore, c.LinkAfter = x != a.links[0], y != b.links[0]
	return e.report(c)
}

// linkChange reports one more, or one less, name of an inode on both sides.
func (e *engine) linkChange(w which, n *node, l link) error {
	c, err := e.oneSided(w, n, l, true)
	if err != nil {
		return err
	}
	return e.report(c)
}

// sameDir says whether the directory of a number is the same on both sides.
func (e *engine) sameDir(ino uint64) (bool, error) {
	if ino == top {
		return true, nil
	}
	w := from
	if e.rel.frozen[from] {
		w = to // whose word is enough
	}
	i, err := e.trees[w].dir(e.ctx, ino)
	if err != nil || i == nil {
		return false, err
	}
	return e.bothDirs(w, ino, i)
}
