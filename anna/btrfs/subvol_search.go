package btrfs

import (
	"context"
	"fmt"
)

// searchSubvolumes reads the root tree in one scan: root items, the references
// that name them and, on the way, the entry that names the default.
func (fs *FS) searchSubvolumes(ctx context.Context) (*SubvolumeScan, error) {
	l := &SubvolumeScan{above: map[uint64]string{}}
	s := fs.NewScanner(ScanBuffer)
	err := l.readRoots(ctx, s)
	if l.count > 0 {
		l.findDoomed(ctx, s)
		d := dirPaths{fs: fs, s: s, list: l}
		d.resolve(ctx)
	}
	l.Calls = s.Calls()
	return l, err
}

// readRoots goes through the answers as they are: of the items, which are three
// for each subvolume, one is nobody's.
func (l *SubvolumeScan) readRoots(ctx context.Context, s *Scanner) error {
	r := Range{
		Tree: TreeRoot,
		Min:  Key{Object: TreeTop, Type: TypeRootItem},
		Max:  Key{LastFree, TypeRootRef, ^uint64(0)},
	}
	for {
		a, err := s.Ask(ctx, r)
		if err != nil {
			return err
		}
		var it Item
		for a.Next(&it) {
			switch {
			case it.Key.Object == ObjectRootDir:
				l.readDefault(it)
			case it.Key.Object == TreeTop || it.Key.Object >= FirstFree:
				l.readRoot(&it)
			}
		}
		if a.Err() != nil || a.Whole() {
			return a.Err()
		}
		var more bool
		if r.Min, more = it.Key.Next(); !more || r.Min.Compare(r.Max) > 0 {
			return nil
		}
	}
}

// findDoomed marks what was deleted since the last commit: its reference is
// gone, an orphan item is there, but the root item is written back only with
// the next commit. (A root without reference and without orphan item is one
// that is being made at this moment.)
func (l *SubvolumeScan) findDoomed(ctx context.Context, s *Scanner) {
	for i := range l.count {
		r := l.at(i)
		if r.parent != 0 || r.id == TreeTop || r.deleted {
			continue
		}
		_, gone, err := s.Lookup(ctx, TreeRoot, Key{objectOrphan, TypeOrphan, r.id})
		if err != nil {
			addMissing(&l.Missing, missing("some pending deletions", err))
			return
		}
		r.deleted = gone
	}
}

// readDefault reads the entry "default" of the root tree's directory: it
// points at the root item of the default subvolume.
func (l *SubvolumeScan) readDefault(it Item) {
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
func (l *SubvolumeScan) readRoot(it *Item) {
	switch it.Key.Type {
	case TypeRootItem:
		r, err := ParseRootItem(it.Data)
		if err != nil {
			addMissing(&l.Missing, missing(fmt.Sprintf("subvolume %d", it.Key.Object), err))
			return
		}
		l.add(rootRecord{
			id: it.Key.Object, readOnly: r.ReadOnly(), deleted: r.Refs == 0 && it.Key.Object != TreeTop || r.Flags&rootDead != 0,
			uuid: r.UUID, parentUUID: r.ParentUUID, receivedUUID: r.ReceivedUUID,
			generation: r.Generation, otransid: r.OTransid, ctransid: r.CTransid, stransid: r.STransid, rtransid: r.RTransid,
			created: stampOf(r.OTime), changed: stampOf(r.CTime), sent: stampOf(r.STime), received: stampOf(r.RTime), bytes: r.Bytes,
		})
	case TypeRootBackref:
		if l.count == 0 || l.last().id != it.Key.Object {
			return // a reference without a root item: nothing to describe
		}
		r := l.last()
		ref, err := ParseRootRef(it.Data)
		if err != nil {
			addMissing(&l.Missing, missing(fmt.Sprintf("name of subvolume %d", r.id), err))
			return
		}
		r.parent, r.dir = it.Key.Offset, ref.Dir
		r.nameAt, r.nameLen = uint32(len(l.names)), uint16(len(ref.Name))
		l.names = append(l.names, ref.Name...)
	}
}
