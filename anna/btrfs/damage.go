package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A DamagedFile is a file of which a part cannot be read, in one subvolume.
type DamagedFile struct {
	Subvolume, Inode, Generation uint64
	// Paths are its names from the top of the subvolume, without the leading
	// slash; none for a file that is deleted and still open.
	Paths    []string
	Size     uint64
	Modified time.Time
	Ranges   []Span // in the file, by offset
	Copies   []GoodCopy
}

// Bytes is how much of it cannot be read.
func (f *DamagedFile) Bytes() (n uint64) {
	for _, r := range f.Ranges {
		n += r.Length
	}
	return n
}

// Damage is the answer to FS.Damage.
type Damage struct {
	Files []DamagedFile // by subvolume and inode
	// Read is how many bytes of extents were looked at, Bad how many of these
	// cannot be read, counted once however many files share them.
	Read, Bad uint64
	// Unowned are bytes of extents that no file shows that could be opened:
	// they were not read.
	Unowned uint64
	Missing []Missing
}

// DamageOptions are where and how to look.
type DamageOptions struct {
	// Groups are the block groups to look through, by the address they begin
	// at; nil: all.
	Groups []uint64
	// Progress, where not nil, is told how many bytes of how many were looked
	// at.
	Progress func(done, total uint64)
}

// Damage finds the files that cannot be read, in all subvolumes, without reading
// one of them twice: it goes through the extents of data, reads each through one
// of the files that have it, as the kernel does for everybody (checksums, second
// copies and all), and where that fails asks who else has it and reads there
// too. What the kernel's log names after a scrub is the beginning of 64 KiB and
// can be another file.
//
// It is as of now for files that nobody writes to meanwhile. Needs CAP_SYS_ADMIN
// and CAP_DAC_READ_SEARCH. Reading has the kernel repair what has a good second
// copy.
func (fs *FS) Damage(ctx context.Context, o DamageOptions) (*Damage, error) {
	if err := fs.Sync(ctx); err != nil && !errors.Is(err, unix.EROFS) {
		return nil, err
	}
	groups, err := fs.BlockGroups(ctx)
	if err != nil {
		return nil, err
	}
	var list []BlockGroup
	total := uint64(0)
	for _, g := range groups.List {
		if g.Profile&Data != 0 && (o.Groups == nil || slices.Contains(o.Groups, g.Start)) {
			list = append(list, g)
			total += g.Used
		}
	}
	d, err := newDamageSearch(ctx, fs)
	if err != nil {
		return nil, err
	}
	defer d.close()
	addMissing(&d.out.Missing, groups.Missing...)
	d.progress = func() {
		if o.Progress != nil {
			o.Progress(d.out.Read+d.out.Unowned, max(total, d.out.Read+d.out.Unowned))
		}
	}
	for _, g := range list {
		if err := d.group(g); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			addMissing(&d.out.Missing, missing(fmt.Sprintf("files in the block group at %d", g.Start), err))
		}
	}
	d.describe()
	return d.out, ctx.Err()
}

// A damageSearch is one search for damage.
type damageSearch struct {
	ctx      context.Context
	fs       *FS
	points   *Scanner
	reader   *rawReader
	out      *Damage
	files    map[fileID]*DamagedFile
	progress func()
}

type fileID struct{ tree, inode uint64 }

func newDamageSearch(ctx context.Context, fs *FS) (*damageSearch, error) {
	r, err := newRawReader(fs)
	if err != nil {
		return nil, err
	}
	return &damageSearch{
		ctx: ctx, fs: fs, points: fs.NewScanner(PointBuffer), reader: r, out: &Damage{}, files: map[fileID]*DamagedFile{},
	}, nil
}

func (d *damageSearch) close() { d.reader.close() }

// group looks through a block group.
func (d *damageSearch) group(g BlockGroup) error {
	if g.Length == 0 || g.Length > math.MaxUint64-g.Start {
		return fmt.Errorf("it is %d bytes long", g.Length)
	}
	const isData = 1 // BTRFS_EXTENT_FLAG_DATA
	return d.fs.NewScanner(ScanBuffer).scanTree(d.ctx, Range{
		Tree: TreeExtent, Types: Types(TypeExtent),
		Min: Key{g.Start, TypeExtent, 0}, Max: Key{g.Start + g.Length - 1, TypeExtent, math.MaxUint64},
	}, func(it Item) error {
		if len(it.Data) < 24 || le.Uint64(it.Data[16:])&isData == 0 { // mixed block groups have tree blocks, too
			return nil
		}
		err := d.extent(it.Key.Object, it.Key.Offset)
		d.progress()
		if err != nil && d.ctx.Err() == nil {
			addMissing(&d.out.Missing, missing(fmt.Sprintf("owners of the extent at %d", it.Key.Object), err))
			err = nil
		}
		return err
	})
}

// A view is what one place in a file shows of an extent.
type view struct {
	owner Owner
	file  FileExtent
}

// part is the range of the extent that a view shows. What is compressed can
// only be read as a whole.
func (v view) part() Span {
	if v.file.Compression != 0 {
		return Span{0, v.file.RAMBytes}
	}
	return Span{v.file.Offset, v.file.Length}
}

// extent reads an extent through those who have it.
func (d *damageSearch) extent(address, length uint64) error {
	owners, err := d.fs.Owners(address)
	if err != nil {
		return err
	}
	var views []view
	for _, o := range owners {
		if !isSubvolume(o.Tree) { // the cache of free space, a balance
			continue
		}
		it, ok, err := d.points.Lookup(d.ctx, o.Tree, Key{o.Inode, TypeExtentData, o.Offset})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		e, err := ParseFileExtent(it.Data)
		if err != nil {
			return err
		}
		// What was never written reads as zeros, from nowhere.
		if e.Kind == ExtentRegular && e.Address == address {
			views = append(views, view{o, e})
		}
	}
	var seen, bad spans
	for _, v := range views {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		for _, piece := range seen.lacks(v.part()) {
			if d.read(v, piece, &bad) {
				seen.add(piece)
			}
		}
	}
	if len(seen) == 0 {
		d.out.Unowned += length
		return nil
	}
	d.out.Read += length
	if len(bad) == 0 {
		return nil
	}
	d.out.Bad += bad.length(length)
	for _, v := range views {
		for _, piece := range bad.within(v.part()) {
			var confirmed spans
			d.read(v, piece, &confirmed)
			for _, b := range confirmed {
				d.damaged(v, b)
			}
		}
	}
	return nil
}

// read reads a piece of an extent through a view; false if the file cannot be
// opened (any more). What cannot be read is added to bad.
func (d *damageSearch) read(v view, piece Span, bad *spans) bool {
	whole := v.file.Compression != 0
	at, length := v.owner.Offset+(piece.Start-v.file.Offset), piece.Length
	if whole {
		at, length = v.owner.Offset, v.file.Length
	}
	failed, err := d.reader.read(d.ctx, fileID{v.owner.Tree, v.owner.Inode}, at, length)
	if err != nil {
		return false
	}
	for _, f := range failed {
		if whole {
			bad.add(v.part())
			break
		}
		bad.add(Span{piece.Start + (f.Start - at), f.Length})
	}
	return true
}

// damaged notes a range of an extent that a view shows.
func (d *damageSearch) damaged(v view, bad Span) {
	id := fileID{v.owner.Tree, v.owner.Inode}
	f := d.files[id]
	if f == nil {
		f = &DamagedFile{Subvolume: id.tree, Inode: id.inode}
		d.files[id] = f
	}
	r := Span{v.owner.Offset + (bad.Start - v.file.Offset), bad.Length}
	if v.file.Compression != 0 {
		r = Span{v.owner.Offset, v.file.Length}
	}
	ranges := spans(f.Ranges)
	ranges.add(r)
	f.Ranges = ranges
}

// describe finds out what the damaged files are.
func (d *damageSearch) describe() {
	for id, f := range d.files {
		inode, ok, err := d.fs.inode(d.ctx, d.points, id)
		if err == nil && !ok {
			continue // deleted meanwhile
		}
		if err == nil {
			f.Generation, f.Size, f.Modified = inode.Generation, inode.Size, inode.MTime
			// The last extent goes on to the end of its sector.
			f.Ranges = spans(f.Ranges).within(Span{0, inode.Size})
			f.Paths, err = d.fs.inodePaths(d.ctx, d.points, id)
		}
		if err != nil {
			addMissing(&d.out.Missing, missing(fmt.Sprintf("the name of inode %d of subvolume %d", id.inode, id.tree), err))
		}
		if len(f.Ranges) > 0 {
			d.out.Files = append(d.out.Files, *f)
		}
	}
	slices.SortFunc(d.out.Files, func(a, b DamagedFile) int {
		return cmp.Or(cmp.Compare(a.Subvolume, b.Subvolume), cmp.Compare(a.Inode, b.Inode))
	})
}

// inode reads an inode's item; false if it is gone.
func (fs *FS) inode(ctx context.Context, s *Scanner, id fileID) (Inode, bool, error) {
	it, ok, err := s.Lookup(ctx, id.tree, Key{id.inode, TypeInodeItem, 0})
	if err != nil || !ok {
		return Inode{}, false, err
	}
	i, err := ParseInode(it.Data)
	return i, err == nil, err
}

// inodePaths are all names of an inode, from the top of its subvolume.
func (fs *FS) inodePaths(ctx context.Context, s *Scanner, id fileID) ([]string, error) {
	type name struct {
		dir  uint64
		name string
	}
	var names []name
	err := s.scanTree(ctx, Range{
		Tree: id.tree, Types: Types(TypeInodeRef, TypeInodeExtref),
		Min: Key{id.inode, TypeInodeRef, 0}, Max: Key{id.inode, TypeInodeExtref, math.MaxUint64},
	}, func(it Item) error {
		for b := it.Data; len(b) > 0; {
			if it.Key.Type == TypeInodeRef {
				ref, n, err := ParseInodeRef(b)
				if err != nil {
					return err
				}
				names, b = append(names, name{it.Key.Offset, string(ref.Name)}), b[n:]
				continue
			}
			ref, n, err := ParseInodeExtref(b)
			if err != nil {
				return err
			}
			names, b = append(names, name{ref.Parent, string(ref.Name)}), b[n:]
		}
		return nil
	})
	var paths []string
	for _, n := range names {
		dir := ""
		if n.dir != FirstFree {
			var failed error
			if _, dir, failed = inoLookup(fs.kernel, id.tree, n.dir); failed != nil {
				err = errors.Join(err, failed)
				continue
			}
		}
		paths = append(paths, dir+n.name)
	}
	slices.Sort(paths)
	return paths, err
}
