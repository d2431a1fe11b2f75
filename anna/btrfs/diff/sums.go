package diff

import (
	"context"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// sumsAtOnce is how many sectors are compared at a time.
const sumsAtOnce = 256

// nearSums is how far in front of a sector the item that covers it starts mostly,
// and how far behind it to read on: what was written together lies together.
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
	asked  uint64    // the last address that was searched for
	held   []sumItem // in order
	data   []byte    // of held
	behind uint64    // up to where held has all that starts behind its first one
}

// A sumItem is the checksums of the sectors from an address on.
type sumItem struct {
	start     uint64
	low, high int // in sums.data
}

// mostSums is more than the bytes of all checksums that are asked for together, if
// no two items are of the same sectors.
const mostSums = 512 << 10

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

func newSums(scanner *btrfs.Scanner, info btrfs.Info) *sums {
	s := &sums{
		s: scanner, sector: sectorSize(info),
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
// the first sector may start well before it. What the last answer had is kept; but
// what it had not may have been written since.
func (s *sums) read(ctx context.Context, address, n uint64) (*run, error) {
	clear(s.run.has)
	if s.size == 0 {
		return &s.run, nil
	}
	if len(s.held) > 0 && address >= s.held[0].start && address+n <= s.behind && s.takeAll(address, n) {
		return &s.run, nil
	}
	if err := s.search(ctx, address, n); err != nil {
		return &s.run, err
	}
	clear(s.run.has)
	s.takeAll(address, n)
	return &s.run, nil
}

// takeAll takes what there is of the n bytes at an address, and says whether that
// is all.
func (s *sums) takeAll(address, n uint64) bool {
	for _, it := range s.held {
		s.take(it, address, n)
	}
	return !slices.Contains(s.run.has[:n/s.sector], false)
}

// search reads the items of n bytes at an address; and of those about them, where
// the last ones asked for were near.
func (s *sums) search(ctx context.Context, address, n uint64) error {
	back, ahead := min(n, s.span), uint64(0)
	if address-s.asked < nearSums || s.asked-address < nearSums {
		back, ahead = min(nearSums, s.span), nearSums
	}
	s.asked, s.behind = address, address+n+ahead
	for {
		s.held, s.data = s.held[:0], s.data[:0]
		c := s.s.Scan(ctx, btrfs.Range{
			Tree: btrfs.TreeChecksum, Types: btrfs.Types(btrfs.TypeExtentCsum),
			Min: btrfs.Key{Object: btrfs.ObjectCsum, Type: btrfs.TypeExtentCsum, Offset: address - min(address, back)},
			Max: btrfs.Key{Object: btrfs.ObjectCsum, Type: btrfs.TypeExtentCsum, Offset: s.behind - 1},
		})
		for c.Next() {
			if !s.hold(c.Item()) {
				s.held = s.held[:0] // damage: none of them can be believed
				return nil
			}
		}
		if c.Err() != nil {
			s.held = s.held[:0]
			return c.Err()
		}
		if len(s.held) > 0 && s.held[0].start <= address || back == s.span {
			return nil
		}
		if back >= nearSums {
			back = s.span
		} else {
			back = min(nearSums, s.span)
		}
	}
}

// hold keeps an item. It is false if there are more than can be.
func (s *sums) hold(it btrfs.Item) bool {
	if len(s.data)+len(it.Data) > mostSums {
		return false
	}
	low := len(s.data)
	s.data = append(s.data, it.Data...)
	s.held = append(s.held, sumItem{it.Key.Offset, low, len(s.data)})
	return true
}

// take takes from an item what it has of the n bytes at an address.
func (s *sums) take(it sumItem, address, n uint64) {
	data := s.data[it.low:it.high]
	covered := uint64(len(data)/s.size) * s.sector
	if it.start >= address+n || it.start+covered <= address {
		return
	}
	for i := range n / s.sector {
		at := address + i*s.sector
		if at < it.start {
			continue
		}
		k := (at - it.start) / s.sector
		if k >= uint64(len(data)/s.size) {
			break
		}
		s.run.put(i, data[k*uint64(s.size):][:s.size])
	}
}
