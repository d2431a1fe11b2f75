package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A GoodCopy is a file in another subvolume that can be read from its beginning
// to its end, and that was the damaged one at some time: the same inode in a
// snapshot, or what had its path there.
type GoodCopy struct {
	Subvolume, Inode uint64
	Path             string // from the top of its subvolume; "" when unknown
	Size             uint64
	Modified         time.Time
	// Same: size and time of change are those of the damaged file, so that it
	// holds what that held.
	Same bool
}

// mostCopies is how many copies of one file are looked for: the newest.
const mostCopies = 3

// FindCopies looks in the snapshots and ancestors of the subvolumes for good
// copies of damaged files, the newest snapshots first, and reads each copy whole.
// What Damage could not look at may so be found to be bad here. Needs
// CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH.
func (f *FS) FindCopies(ctx context.Context, d *Damage) error {
	if len(d.Files) == 0 {
		return nil
	}
	subs, err := f.Subvolumes(ctx)
	if err != nil {
		return err
	}
	r, err := newRawReader(f)
	if err != nil {
		return err
	}
	defer r.close()
	c := &copySearch{ctx: ctx, fs: f, reader: r, points: f.NewScanner(PointBuffer), bad: map[fileID]bool{}}
	for _, file := range d.Files {
		c.bad[fileID{file.Subvolume, file.Inode}] = true
	}
	related := relatives(subs.List)
	for i := range d.Files {
		file := &d.Files[i]
		for _, v := range related[file.Subvolume] {
			if err := ctx.Err(); err != nil {
				return err
			}
			if v.ID == file.Subvolume || v.Deleted || len(file.Copies) == mostCopies {
				continue
			}
			if good, ok := c.in(v.ID, file); ok {
				file.Copies = append(file.Copies, good)
			}
		}
	}
	return ctx.Err()
}

// relatives groups subvolumes that descend from each other, by id; in each group
// the youngest is first.
func relatives(list []Subvolume) map[uint64][]*Subvolume {
	group := map[UUID]UUID{} // to another of the same group, up to one that stands for itself
	var of func(UUID) UUID
	of = func(id UUID) UUID {
		up, known := group[id]
		if !known || up == id {
			return id
		}
		up = of(up)
		group[id] = up
		return up
	}
	for i := range list {
		v := &list[i]
		for _, other := range []UUID{v.ParentUUID, v.ReceivedUUID} {
			if other != (UUID{}) && v.UUID != (UUID{}) {
				group[of(other)] = of(v.UUID)
			}
		}
	}
	members := map[UUID][]*Subvolume{}
	for i := range list {
		if v := &list[i]; v.UUID != (UUID{}) {
			members[of(v.UUID)] = append(members[of(v.UUID)], v)
		}
	}
	out := map[uint64][]*Subvolume{}
	for _, g := range members {
		slices.SortStableFunc(g, func(a, b *Subvolume) int { return cmp.Compare(b.OTransid, a.OTransid) })
		for _, v := range g {
			out[v.ID] = g
		}
	}
	return out
}

type copySearch struct {
	ctx    context.Context
	fs     *FS
	reader *rawReader
	points *Scanner
	bad    map[fileID]bool
}

// in looks for a good copy in one subvolume.
func (c *copySearch) in(tree uint64, file *DamagedFile) (GoodCopy, bool) {
	if i, ok, err := c.fs.inode(c.ctx, c.points, fileID{tree, file.Inode}); err == nil && ok && i.Generation == file.Generation {
		path := ""
		if names, _ := c.fs.inodePaths(c.ctx, c.points, fileID{tree, file.Inode}); len(names) > 0 {
			path = names[0]
			if len(file.Paths) > 0 && slices.Contains(names, file.Paths[0]) {
				path = file.Paths[0]
			}
		}
		return c.try(fileID{tree, file.Inode}, i, path, file)
	}
	for _, path := range file.Paths {
		inode, err := c.byPath(tree, path)
		if err != nil {
			continue
		}
		i, ok, err := c.fs.inode(c.ctx, c.points, fileID{tree, inode})
		if err == nil && ok {
			return c.try(fileID{tree, inode}, i, path, file)
		}
	}
	return GoodCopy{}, false
}

// try reads a candidate.
func (c *copySearch) try(id fileID, i Inode, path string, file *DamagedFile) (GoodCopy, bool) {
	if c.bad[id] || i.Mode&unix.S_IFMT != unix.S_IFREG {
		return GoodCopy{}, false
	}
	failed, err := c.reader.read(c.ctx, id, 0, roundUp(i.Size, c.reader.sector))
	if err != nil || len(failed) > 0 {
		c.bad[id] = err == nil || c.bad[id]
		return GoodCopy{}, false
	}
	return GoodCopy{
		Subvolume: id.tree, Inode: id.inode, Path: path, Size: i.Size, Modified: i.MTime,
		Same: i.Size == file.Size && i.MTime.Equal(file.Modified),
	}, true
}

// byPath finds the inode of a path from the top of a subvolume, by its directory
// entries: no mount, link or permission is in the way.
func (c *copySearch) byPath(tree uint64, path string) (uint64, error) {
	const kindDir = 2 // BTRFS_FT_DIR
	at := uint64(FirstFree)
	parts := strings.Split(path, "/")
	for n, name := range parts {
		it, ok, err := c.points.Lookup(c.ctx, tree, Key{at, TypeDirItem, NameHash([]byte(name))})
		if err != nil || !ok {
			return 0, cmpErr(err, fs.ErrNotExist)
		}
		found := false
		for b := it.Data; len(b) > 0 && !found; {
			d, took, err := ParseDirItem(b)
			if err != nil {
				return 0, err
			}
			b = b[took:]
			if string(d.Name) != name || d.Location.Type != TypeInodeItem {
				continue
			}
			if last := n == len(parts)-1; !last && d.Kind != kindDir {
				return 0, fmt.Errorf("cannot find %s: %w", path, errors.ErrUnsupported)
			}
			at, found = d.Location.Object, true
		}
		if !found {
			return 0, fs.ErrNotExist
		}
	}
	return at, nil
}
