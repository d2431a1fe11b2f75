package diff

import (
	"context"
	"math"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A segment is a range of a file that one extent, or one hole, fills.
type segment struct {
	start, end  uint64
	kind        uint8
	hole        bool
	compression uint8
	address     uint64 // of the extent; with start the disk address when not compressed
	diskBytes   uint64
	ram         uint64
	offset      uint64 // into the extent, at start
	inline      []byte
}

// zeros says that the range reads as zeros.
func (s *segment) zeros() bool { return s.hole || s.kind == btrfs.ExtentPrealloc }

// same says that both fill the range from pos with the very same bytes on disk.
func (s *segment) same(o *segment, pos uint64) bool {
	switch {
	case s.hole || o.hole:
		return s.hole && o.hole
	case s.kind != o.kind || s.compression != o.compression:
		return false
	case s.kind == btrfs.ExtentInline:
		return s.ram == o.ram && string(s.inline) == string(o.inline)
	case s.compression == 0:
		return s.disk(pos) == o.disk(pos)
	}
	return s.address == o.address && s.offset+(pos-s.start) == o.offset+(pos-o.start)
}

// disk is the logical address of a position, of what is not compressed.
func (s *segment) disk(pos uint64) uint64 { return s.address + s.offset + (pos - s.start) }

// segments reads the extents of an inode from a feed, with the holes that are
// not recorded. The last is a hole without end.
type segments struct {
	f      *feed
	ino    uint64
	sector uint64
	cur    segment
	ahead  segment // read, but behind a hole
	has    bool
	err    error
}

func newSegments(ctx context.Context, f *feed, ino, sector uint64) *segments {
	s := &segments{f: f, ino: ino, sector: sector}
	f.skipTo(ctx, btrfs.Key{Object: ino, Type: btrfs.TypeExtentData})
	s.next(ctx)
	return s
}

// next goes to the segment that follows cur.
func (s *segments) next(ctx context.Context) {
	at := s.cur.end
	for !s.has && s.err == nil && s.f.at(s.ino, btrfs.TypeExtentData) {
		s.read(at)
		s.f.next(ctx)
	}
	if s.err == nil {
		s.err = s.f.err
	}
	switch {
	case s.has && s.ahead.start > at:
		s.cur = segment{start: at, end: s.ahead.start, hole: true}
	case s.has:
		s.cur, s.has = s.ahead, false
	default:
		s.cur = segment{start: at, end: math.MaxUint64, hole: true}
	}
}

// read takes the item of the feed; what ends before at is damaged or empty,
// and left out.
func (s *segments) read(at uint64) {
	e, err := btrfs.ParseFileExtent(s.f.item.Data)
	if err != nil {
		s.err = err
		return
	}
	start := s.f.item.Key.Offset
	length := e.Length
	if e.Kind == btrfs.ExtentInline {
		length = roundUp(max(length, 1), s.sector)
	}
	if start < at || length == 0 || start > math.MaxUint64-length {
		return
	}
	s.ahead = segment{
		start: start, end: start + length, kind: e.Kind, compression: e.Compression,
		address: e.Address, diskBytes: e.DiskBytes, ram: e.RAMBytes, offset: e.Offset,
		hole: e.Kind == btrfs.ExtentRegular && e.Address == 0,
	}
	if e.Kind == btrfs.ExtentInline {
		s.ahead.inline = append([]byte(nil), e.Inline...)
	}
	s.has = true
}

func roundUp(n, unit uint64) uint64 {
	if r := n % unit; r != 0 {
		return n + unit - r
	}
	return n
}
