package diff

import (
	"maps"
	"slices"
)

// A place is a link on one side.
type place struct {
	w which
	l link
}

// nested remembers the entries of nested subvolumes that only one side has.
// A directory tree does not lead from a subvolume back to its name, as it does
// for inodes, so that renames are found in the end. They are as many as nested
// subvolumes were made, moved or removed.
type nested struct {
	names map[uint64][2]*link // by the subvolume's id
	held  map[place]Change    // an inode that is at the place of one on the other side
}

// merge takes over what another one has found.
func (n *nested) merge(o *nested) {
	for id, pair := range o.names {
		for w, l := range pair {
			if l != nil {
				n.found(which(w), *l, id)
			}
		}
	}
	for p, c := range o.held {
		n.hold(p, c)
	}
}

func (n *nested) found(w which, l link, id uint64) {
	if n.names == nil {
		n.names = map[uint64][2]*link{}
	}
	pair := n.names[id]
	pair[w] = &l
	n.names[id] = pair
}

// hold keeps the change of an inode until it is known what became of the
// subvolume at its place on the other side.
func (n *nested) hold(p place, c Change) {
	if n.held == nil {
		n.held = map[place]Change{}
	}
	n.held[p] = c
}

// finish reports them: renames, then what replaced each other, then the rest.
func (n *nested) finish(e *engine) error {
	alone := map[place]uint64{}
	for _, id := range slices.Sorted(maps.Keys(n.names)) {
		pair := n.names[id]
		if pair[from] != nil && pair[to] != nil {
			if err := n.renamed(e, id, *pair[from], *pair[to]); err != nil {
				return err
			}
			continue
		}
		for w, l := range pair {
			if l != nil {
				alone[place{which(w), *l}] = id
			}
		}
	}
	if err := n.finishHeld(e, alone); err != nil {
		return err
	}
	for _, p := range slices.SortedFunc(maps.Keys(alone), place.compare) {
		if err := n.finishAlone(e, alone, p); err != nil {
			return err
		}
	}
	return nil
}

func (p place) compare(o place) int {
	if p.w != o.w {
		return int(p.w) - int(o.w)
	}
	return p.l.compare(o.l)
}

func (n *nested) renamed(e *engine, id uint64, x, y link) error {
	if x == y { // made anew at the same place: the entry differs, not what it says
		return nil
	}
	old, err := e.trees[from].path(e.ctx, x)
	if err != nil {
		return err
	}
	path, err := e.trees[to].path(e.ctx, y)
	if err != nil {
		return err
	}
	return e.report(Change{Kind: Renamed, Path: path, FromPath: old, Type: Subvolume, Inode: id})
}

// across is the same place on the other side; false if there is none.
func (e *engine) across(p place) (place, bool, error) {
	dir, err := e.counterpart(p.w, p.l.parent, 0)
	return place{p.w.other(), link{dir, p.l.name}}, dir != 0, err
}

// finishHeld reports inodes that took, or left, the place of a subvolume.
func (n *nested) finishHeld(e *engine, alone map[place]uint64) error {
	for _, p := range slices.SortedFunc(maps.Keys(n.held), place.compare) {
		c := n.held[p]
		q, ok, err := e.across(p)
		if err != nil {
			return err
		}
		id, gone := alone[q]
		if !ok || !gone {
			if err := e.report(c); err != nil {
				return err
			}
			continue
		}
		delete(alone, q)
		path, err := e.trees[q.w].path(e.ctx, q.l)
		if err != nil {
			return err
		}
		c.Kind, c.FromType = TypeChanged, Subvolume
		if p.w == from {
			c.Type, c.FromType, c.Inode = Subvolume, c.Type, id
			c.Path, c.FromPath = path, c.Path
		} else {
			c.FromPath = path
		}
		if c.Path == c.FromPath {
			c.FromPath = ""
		}
		if err := e.report(c); err != nil {
			return err
		}
	}
	return nil
}

// finishAlone reports a subvolume that only one side has.
func (n *nested) finishAlone(e *engine, alone map[place]uint64, p place) error {
	id, still := alone[p]
	if !still {
		return nil
	}
	delete(alone, p)
	path, err := e.trees[p.w].path(e.ctx, p.l)
	if err != nil {
		return err
	}
	c := Change{Kind: Removed, Path: path, Type: Subvolume, Inode: id}
	if p.w == to {
		c.Kind = Added
		return e.report(c)
	}
	q, ok, err := e.across(p)
	if err != nil {
		return err
	}
	if _, other := alone[q]; ok && other {
		c.Inode = alone[q]
		delete(alone, q)
		c.Kind = Replaced
		if path, err = e.trees[to].path(e.ctx, q.l); err != nil {
			return err
		}
		if path != c.Path {
			c.Path, c.FromPath = path, c.Path
		}
	}
	return e.report(c)
}
