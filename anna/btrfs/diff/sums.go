package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// sumsAtOnce is how many sectors are compared at a time.
const sumsAtOnce = 256

// nearSums is how far in front of a sector the item that covers it starts mostly.
const nearSums = 1 << 20

// sums reads the checksum tree (tree 7, object -10: the item's offset is the
// address of the first sector it covers).
type sums struct {
	s      *btrfs.Scanner
	sector uint64
	size   int    // of one checksum
	span   uint64 // the most that one item covers
	hash   func([]byte) []byte
	zero   []byte // the checksum of a sector of zeros; nil if it cannot be had
	run    run
	last   struct { // an item
		start uint64
		data  []byte
	}
}

// A run is the checksums of neighbouring sectors, as far as there are any.
type run struct {
	size int
	data []byte
	has  []bool
}

func (r *run) known(i uint64) bool { return r.has[i] }
func (r *run) at(i uint64) []byte  { return r.data[int(i)*r.size:][:r.size] }

func (r *run) put(i uint64, sum []byte) {
	copy(r.data[int(i)*r.size:][:r.size], sum)
	r.has[i] = true
}

var sumSizes = map[string]int{"crc32c": 4, "xxhash64": 8, "sha256": 32, "blake2b": 32}

// sectorSize is how many bytes one checksum is of: what the kernel says, within
// the sizes that Btrfs could ever have. An old kernel says 0.
func sectorSize(info btrfs.Info) uint64 { return min(max(uint64(info.SectorSize), 512), 64<<10) }

func newSums(fs *btrfs.FS, info btrfs.Info) *sums {
	s := &sums{
		s: fs.NewScanner(btrfs.PointBuffer), sector: sectorSize(info),
		size: sumSizes[info.Checksum], hash: info.Hash(),
	}
	if s.size > 0 {
		s.span = uint64(info.NodeSize) / uint64(s.size) * s.sector
	}
	if s.hash != nil {
		s.zero = s.hash(make([]byte, s.sector))
	}
	s.run = run{size: s.size, data: make([]byte, s.size*sumsAtOnce), has: make([]bool, sumsAtOnce)}
	return s
}

// of finds the checksums of n bytes of a segment, from pos.
func (s *sums) of(ctx context.Context, seg *segment, pos, n uint64) (*run, error) {
	clear(s.run.has)
	switch {
	case seg.zeros():
		if s.zero != nil {
			for i := range n / s.sector {
				s.run.put(i, s.zero)
			}
		}
	case seg.kind == btrfs.ExtentInline:
		text, ok := seg.text()
		if s.hash == nil || !ok {
			break
		}
		for i := range n / s.sector {
			b := make([]byte, s.sector)
			if at := pos - seg.start + i*s.sector; at < uint64(len(text)) {
				copy(b, text[at:])
			}
			s.run.put(i, s.hash(b))
		}
	default:
		return s.read(ctx, seg.disk(pos), n)
	}
	return &s.run, nil
}

// read reads the checksums of the n bytes at an address. The item that covers
// the first sector may start well before it. The last item is kept: what was
// written together lies together.
func (s *sums) read(ctx context.Context, address, n uint64) (*run, error) {
	clear(s.run.has)
	if s.size == 0 {
		return &s.run, nil
	}
	if address >= s.last.start && address+n <= s.last.start+s.covered(s.last.data) {
		s.take(s.last.start, s.last.data, address, n)
		return &s.run, nil
	}
	// What was written together has its item to itself, which starts close by.
	for _, back := range []uint64{min(n, s.span), min(nearSums, s.span), s.span} {
		first, err := s.search(ctx, address, n, back)
		if err != nil || first <= address || back == s.span {
			return &s.run, err
		}
	}
	return &s.run, nil
}

// search takes the checksums from the items that start at most so far back. It
// says where the first of them starts that has any.
func (s *sums) search(ctx context.Context, address, n, back uint64) (first uint64, err error) {
	first = ^uint64(0)
	c := s.s.Scan(ctx, btrfs.Range{
		Tree: btrfs.TreeChecksum, Types: btrfs.Types(btrfs.TypeExtentCsum),
		Min: btrfs.Key{Object: btrfs.ObjectCsum, Type: btrfs.TypeExtentCsum, Offset: address - min(address, back)},
		Max: btrfs.Key{Object: btrfs.ObjectCsum, Type: btrfs.TypeExtentCsum, Offset: address + n - 1},
	})
	for c.Next() {
		start, data := c.Item().Key.Offset, c.Item().Data
		covered := s.covered(data)
		if start+covered <= address {
			continue
		}
		if covered >= n {
			s.last.start, s.last.data = start, append(s.last.data[:0], data...)
		}
		first = min(first, start)
		s.take(start, data, address, n)
	}
	return first, c.Err()
}

// covered is how many bytes the checksums of an item are of.
func (s *sums) covered(data []byte) uint64 { return uint64(len(data)/s.size) * s.sector }

// take takes from an item what it has of the n bytes at an address.
func (s *sums) take(start uint64, data []byte, address, n uint64) {
	for i := range n / s.sector {
		at := address + i*s.sector
		if at < start {
			continue
		}
		k := (at - start) / s.sector
		if k >= uint64(len(data)/s.size) {
			break
		}
		s.run.put(i, data[k*uint64(s.size):][:s.size])
	}
}
