package btrfs

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// perLookup is how many bytes of a parent tree are read in a scan at the cost
// of about one INO_LOOKUP call.
const perLookup = 8 << 10

func (d *dirPaths) resolve(ctx context.Context) {
	wanted := map[uint64][]uint64{} // tree -> directories, repeated
	for _, v := range d.list.List {
		if v.Parent != 0 && v.Dir != FirstFree {
			wanted[v.Parent] = append(wanted[v.Parent], v.Dir)
		}
	}
	dirs := map[place]string{}
	for tree, list := range wanted {
		slices.Sort(list)
		list = slices.Compact(list)
		parent := d.list.Find(tree)
		if parent != nil && uint64(len(list)) > parent.TreeBytes/perLookup {
			d.scan(ctx, tree, list, dirs)
		}
		for _, dir := range list {
			if _, known := dirs[place{tree, dir}]; known {
				continue
			}
			if ctx.Err() != nil {
				break
			}
			_, path, err := inoLookup(d.fs.kernel, tree, dir)
			if err != nil {
				addMissing(&d.list.Missing, missing(fmt.Sprintf("directories of subvolume %d", tree), errors.Unwrap(err)))
				continue
			}
			dirs[place{tree, dir}] = path
		}
	}
	d.list.join(dirs)
}

// scan reads all directories of a small tree in one go: 5 000 subvolumes in
// directories of their own cost one scan instead of 5 000 look-ups.
func (d *dirPaths) scan(ctx context.Context, tree uint64, list []uint64, dirs map[place]string) {
	type entry struct {
		dir  uint64
		name string
	}
	entries := map[uint64]entry{}
	isDir := uint64(0)
	err := d.s.scanTree(ctx, Range{
		Tree: tree, Types: Types(TypeInodeItem, TypeInodeRef),
		Min: Key{Object: FirstFree + 1, Type: TypeInodeItem}, Max: Key{LastFree, TypeInodeRef, ^uint64(0)},
	}, func(it Item) error {
		if it.Key.Type == TypeInodeItem {
			if ino, err := ParseInode(it.Data); err == nil && ino.Mode&0o170000 == 0o040000 {
				isDir = it.Key.Object
			}
			return nil
		}
		if isDir == it.Key.Object {
			if ref, _, err := ParseInodeRef(it.Data); err == nil {
				entries[it.Key.Object] = entry{it.Key.Offset, string(ref.Name)}
			}
		}
		return nil
	})
	if err != nil {
		return // the look-ups will say why
	}
	for _, dir := range list {
		var names []string
		at := dir
		// Directories that moved during the scan could form a circle.
		for at != FirstFree && len(names) <= len(entries) {
			e, ok := entries[at]
			if !ok {
				break
			}
			names = append(names, e.name)
			at = e.dir
		}
		if at == FirstFree {
			slices.Reverse(names)
			dirs[place{tree, dir}] = strings.Join(names, "/") + "/"
		}
	}
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
