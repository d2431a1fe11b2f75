package btrfs

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A Span is a range of logical addresses.
type Span struct {
	Start, Length uint64
}

// A Layout is how a block group is filled.
type Layout struct {
	Extents []Span // in use, by address
	Refs    uint64 // how many places refer to them; each has to be written when they move
	Holes   []Span // free, by address
}

// maxLayoutExtents bounds what is read of one block group. A block group of
// 1 GiB full of 4 KiB extents has a fourth of it.
const maxLayoutExtents = 1 << 20

// errTooFine is the error of a block group with more extents than are read.
var errTooFine = errors.New("too many extents")

// Layout reads where a block group is in use, as of the last commit. Needs
// CAP_SYS_ADMIN. It reads every extent item of the block group: a few calls for
// one that is nearly empty, a hundred for a full one of small files.
func (fs *FS) Layout(ctx context.Context, g BlockGroup) (*Layout, error) {
	l := &Layout{}
	if g.Length == 0 || g.Length > ^uint64(0)-g.Start {
		return nil, fmt.Errorf("cannot read block group %d: it is %d bytes long", g.Start, g.Length)
	}
	at, end := g.Start, g.Start+g.Length
	gap := func(to uint64) {
		if to > at {
			l.Holes = append(l.Holes, Span{at, to - at})
		}
	}
	err := fs.NewScanner(ScanBuffer).scanTree(ctx, Range{
		Tree: TreeExtent, Types: Types(TypeExtent, TypeMetadata),
		Min: Key{g.Start, TypeExtent, 0}, Max: Key{end - 1, TypeMetadata, ^uint64(0)},
	}, func(it Item) error {
		length := it.Key.Offset
		if it.Key.Type == TypeMetadata { // its offset is the level
			length = uint64(fs.info.NodeSize)
		}
		if it.Key.Object < at || length == 0 || length > end-it.Key.Object {
			return fmt.Errorf("cannot read extent %v in block group %d: it lies outside or over another", it.Key, g.Start)
		}
		if len(l.Extents) == maxLayoutExtents {
			return errTooFine
		}
		gap(it.Key.Object)
		at = it.Key.Object + length
		l.Extents = append(l.Extents, Span{it.Key.Object, length})
		if len(it.Data) >= 8 { // struct btrfs_extent_item begins with refs
			l.Refs += le.Uint64(it.Data)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the extents of block group %d: %w", g.Start, err)
	}
	gap(end)
	l.cutSupers(g)
	return l, nil
}

// The second and third copy of the superblock lie at these places of every
// device, 64 KiB each, which the kernel keeps free of anything else
// (btrfs_sb_offset). The first lies before the first chunk.
var superCopies = []uint64{64 << 20, 256 << 30}

// cutSupers takes the copies of the superblock out of the holes. In profiles
// that stripe they are not looked for.
func (l *Layout) cutSupers(g BlockGroup) {
	if g.Profile&(RAID0|RAID10|RAID5|RAID6) != 0 {
		return
	}
	for _, s := range g.Stripes {
		for _, super := range superCopies {
			if super >= s.Offset && super-s.Offset < g.Length {
				l.cut(Span{g.Start + (super - s.Offset), stripeLen})
			}
		}
	}
}

// cut takes a range out of the holes.
func (l *Layout) cut(s Span) {
	var out []Span
	for _, h := range l.Holes {
		end := h.Start + h.Length
		if s.Start >= end || s.Start+s.Length <= h.Start {
			out = append(out, h)
			continue
		}
		if s.Start > h.Start {
			out = append(out, Span{h.Start, s.Start - h.Start})
		}
		if s.Start+s.Length < end {
			out = append(out, Span{s.Start + s.Length, end - s.Start - s.Length})
		}
	}
	l.Holes = slices.Clip(out)
}
