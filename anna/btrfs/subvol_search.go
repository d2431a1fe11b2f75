package btrfs

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// rootTypes are the items of the root tree that describe subvolumes.
var rootTypes = Types(TypeRootItem, TypeRootBackref, TypeDirItem)

// searchSubvolumes reads the root tree in one scan: root items, the references
// that name them and, on the way, the entry that names the default.
func (fs *FS) searchSubvolumes(ctx context.Context) (*Subvolumes, error) {
	list := &Subvolumes{}
	s := fs.NewScanner(ScanBuffer)
	err := s.scanTree(ctx, Range{
		Tree: TreeRoot, Types: rootTypes,
		Min: Key{Object: TreeTop, Type: TypeRootItem},
		Max: Key{LastFree, TypeRootRef, ^uint64(0)},
	}, func(it Item) error {
		switch {
		case it.Key.Object == ObjectRootDir:
			list.readDefault(it)
		case it.Key.Object == TreeTop || it.Key.Object >= FirstFree:
			list.readRoot(it)
		}
		return nil
	})
	if len(list.List) > 0 {
		list.findDoomed(ctx, s)
		d := dirPaths{fs: fs, s: s, list: list}
		d.resolve(ctx)
	}
	list.Calls = s.Calls()
	return list, err
}

// findDoomed marks what was deleted since the last commit: its reference is
// gone, an orphan item is there, but the root item is written back only with
// the next commit. (A root without reference and without orphan item is one
// that is being made at this moment.)
func (l *Subvolumes) findDoomed(ctx context.Context, s *Scanner) {
	var doomed []*Subvolume
	for i := range l.List {
		if v := &l.List[i]; v.Parent == 0 && v.ID != TreeTop && !v.Deleted {
			doomed = append(doomed, v)
		}
	}
	for _, v := range doomed {
		_, gone, err := s.Lookup(ctx, TreeRoot, Key{objectOrphan, TypeOrphan, v.ID})
		if err != nil {
			addMissing(&l.Missing, missing("some pending deletions", err))
			return
		}
		v.Deleted = gone
	}
}

// readDefault reads the entry "default" of the root tree's directory: it
// points at the root item of the default subvolume.
func (l *Subvolumes) readDefault(it Item) {
	if it.Key.Type != TypeDirItem {
		return
	}
	for b := it.Data; len(b) > 0; {
		d, n, err := ParseDirItem(b)
		if err != nil {
			addMissing(&l.Missing, missing("default subvolume", err))
			return
		}
		if string(d.Name) == "default" && d.Location.Type == TypeRootItem {
			l.Default = d.Location.Object
		}
		b = b[n:]
	}
}

// readRoot takes one item of a subvolume. The root item sorts before the
// references to it.
func (l *Subvolumes) readRoot(it Item) {
	switch it.Key.Type {
	case TypeRootItem:
		r, err := ParseRootItem(it.Data)
		if err != nil {
			addMissing(&l.Missing, missing(fmt.Sprintf("subvolume %d", it.Key.Object), err))
			return
		}
		l.List = append(l.List, Subvolume{
			ID: it.Key.Object, ReadOnly: r.ReadOnly(), Deleted: r.Refs == 0 && it.Key.Object != TreeTop || r.Flags&rootDead != 0,
			UUID: r.UUID, ParentUUID: r.ParentUUID, ReceivedUUID: r.ReceivedUUID,
			Generation: r.Generation, OTransid: r.OTransid, CTransid: r.CTransid, STransid: r.STransid, RTransid: r.RTransid,
			Created: r.OTime, Changed: r.CTime, Sent: r.STime, Received: r.RTime, TreeBytes: r.Bytes,
		})
	case TypeRootBackref:
		if len(l.List) == 0 || l.List[len(l.List)-1].ID != it.Key.Object {
			return // a reference without a root item: nothing to describe
		}
		v := &l.List[len(l.List)-1]
		ref, err := ParseRootRef(it.Data)
		if err != nil {
			addMissing(&l.Missing, missing(fmt.Sprintf("name of subvolume %d", v.ID), err))
			return
		}
		v.Parent, v.Dir, v.Name = it.Key.Offset, ref.Dir, ref.Name
	}
}

// dirPaths finds where in the file system the subvolumes hang.
type dirPaths struct {
	fs   *FS
	s    *Scanner
	list *Subvolumes
}

// place is a directory of a subvolume.
type place struct{ tree, dir uint64 }

// fewDirs is up to how many directories are looked up one by one.
const fewDirs = 16

func (d *dirPaths) resolve(ctx context.Context) {
	wanted := map[uint64]map[uint64]bool{} // tree -> directories
	for _, v := range d.list.List {
		if v.Parent != 0 && v.Dir != FirstFree {
			if wanted[v.Parent] == nil {
				wanted[v.Parent] = map[uint64]bool{}
			}
			wanted[v.Parent][v.Dir] = true
		}
	}
	dirs := map[place]string{}
	for tree, want := range wanted {
		d.resolveTree(ctx, tree, want, dirs)
	}
	d.list.join(dirs)
}

// resolveTree finds the paths of some directories of a tree. Where there are
// many they tend to lie side by side (.snapshots/1, .snapshots/2 ...): reading
// the directory above costs a few calls instead of one for each. What such
// readings may cost in entries is bounded, for the directory above may as well
// hold a million files.
func (d *dirPaths) resolveTree(ctx context.Context, tree uint64, want map[uint64]bool, dirs map[place]string) {
	left, budget := len(want), 64*len(want)
	read := map[uint64]bool{}
	for dir := range want {
		left--
		if _, known := dirs[place{tree, dir}]; known {
			continue
		}
		if ctx.Err() != nil {
			addMissing(&d.list.Missing, missing("some paths", ctx.Err()))
			return
		}
		if left >= fewDirs && budget > 0 {
			if above := d.above(ctx, tree, dir); above != 0 && !read[above] {
				read[above] = true
				budget -= d.readDir(ctx, tree, above, want, dirs, budget)
			}
			if _, known := dirs[place{tree, dir}]; known {
				continue
			}
		}
		_, path, err := inoLookup(d.fs.kernel, tree, dir)
		if err != nil {
			addMissing(&d.list.Missing, missing(fmt.Sprintf("directories of subvolume %d", tree), errors.Unwrap(err)))
			continue
		}
		dirs[place{tree, dir}] = path
	}
}

// above is the directory that holds another one; 0 when unknown.
func (d *dirPaths) above(ctx context.Context, tree, dir uint64) uint64 {
	c := d.s.Scan(ctx, Range{Tree: tree, Min: Key{dir, TypeInodeRef, 0}, Max: Key{dir, TypeInodeRef, ^uint64(0)}, Limit: 1})
	if !c.Next() {
		return 0
	}
	return c.Item().Key.Offset
}

// readDir reads up to limit entries of a directory, keeps the wanted ones and
// says how many it read.
func (d *dirPaths) readDir(ctx context.Context, tree, dir uint64, want map[uint64]bool, dirs map[place]string, limit int) (n int) {
	prefix := ""
	if dir != FirstFree {
		var err error
		if _, prefix, err = inoLookup(d.fs.kernel, tree, dir); err != nil {
			return 1 // looking up what lies below will say why
		}
	}
	c := d.s.Scan(ctx, Range{
		Tree: tree, Types: Types(TypeDirIndex), Limit: uint32(min(limit, 1<<30)),
		Min: Key{dir, TypeDirIndex, 0}, Max: Key{dir, TypeDirIndex, ^uint64(0)},
	})
	for c.Next() {
		n++
		e, _, err := ParseDirItem(c.Item().Data)
		if err == nil && e.Location.Type == TypeInodeItem && want[e.Location.Object] {
			dirs[place{tree, e.Location.Object}] = prefix + string(e.Name) + "/"
		}
	}
	return n + 1
}

// maxPath bounds paths inside the file system. PATH_MAX does not: subvolumes
// can be nested and moved beyond it.
const maxPath = 64 << 10

// join makes paths of names, parents first.
func (l *Subvolumes) join(dirs map[place]string) {
	const unknown, busy, done = 0, 1, 2
	state := make([]uint8, len(l.List))
	index := make(map[uint64]int, len(l.List))
	for i, v := range l.List {
		index[v.ID] = i
	}
	var visit func(i, depth int)
	visit = func(i, depth int) {
		v := &l.List[i]
		state[i] = busy
		defer func() { state[i] = done }()
		if v.ID == TreeTop {
			v.Path = "/"
			return
		}
		p, ok := index[v.Parent]
		if !ok || v.Parent == 0 || depth > len(l.List) {
			return
		}
		if state[p] == unknown {
			visit(p, depth+1)
		}
		dir, known := dirs[place{v.Parent, v.Dir}]
		if v.Dir == FirstFree {
			dir, known = "", true
		}
		if parent := l.List[p].Path; parent != "" && known {
			v.Path = strings.TrimSuffix(parent, "/") + "/" + dir + v.Name
			if len(v.Path) > maxPath {
				v.Path = ""
				addMissing(&l.Missing, Missing{What: "paths of very deep subvolumes", Why: "longer than 64 KiB"})
			}
		}
	}
	for i := range l.List {
		if state[i] == unknown {
			visit(i, 0)
		}
	}
	for i := range l.List {
		l.List[i].Default = l.Default == l.List[i].ID
	}
}
