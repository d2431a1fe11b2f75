package btrfs

import (
	"cmp"
	"math"
	"slices"
)

// Room is the free space of one device as the chunk allocator sees it.
type Room struct {
	Device uint64
	Holes  []uint64 // lengths of the free ranges that can take a chunk
}

func (r Room) total() (n uint64) {
	for _, h := range r.Holes {
		n += h
	}
	return n
}

// Allocatable is what a profile could still get, were it the only one to ask.
type Allocatable struct {
	Profile Profile
	Chunks  int
	Bytes   uint64 // logical
	Raw     uint64 // on devices
	// Stranded is unallocated space that this profile cannot use: devices of
	// unequal size, too few devices, holes that are too small.
	Stranded uint64
}

// Sizes the allocator goes by (fs/btrfs/volumes.c, fs.h).
const (
	stripeLen     = 64 << 10
	maxStripe     = 1 << 30
	reservedStart = 1 << 20 // of every device
	maxSystemDevs = 29      // BTRFS_MAX_DEVS_SYS_CHUNK
)

// An Allocator is the kernel's chunk allocator (btrfs_create_chunk and what it
// calls, regular and not zoned), over a copy of the devices' free room.
type Allocator struct {
	Rooms []Room
	// ChunkSize is the largest chunk per type, from sysfs; 0 for the
	// kernel's default.
	ChunkSize uint64
	// Writable is the size of all writable devices: no chunk is larger than
	// a tenth of it.
	Writable uint64
	NodeSize uint32
}

// maxSteps bounds the simulation. Beyond so many chunks it goes in steps of
// several chunks at once, which costs at most one step per device in accuracy.
const maxSteps = 1 << 15

// Fill allocates chunks until no more fits.
func (a Allocator) Fill(p Profile) Allocatable {
	out := Allocatable{Profile: p}
	l, ok := p.placement()
	rooms := make([]Room, len(a.Rooms))
	var free uint64
	for i, r := range a.Rooms {
		rooms[i] = Room{Device: r.Device, Holes: slices.Clone(r.Holes)}
		free += r.total()
	}
	limit, _ := a.limits(p)
	scale := max(1, free/max(1, min(limit, maxStripe))/maxSteps)
	for steps := 0; ok && steps < 4*maxSteps; steps++ {
		n, bytes, raw := a.chunk(p, l, rooms, scale)
		if n == 0 {
			break
		}
		out.Chunks += n
		out.Bytes += bytes
		out.Raw += raw
	}
	out.Stranded = sub(free, out.Raw)
	return out
}

// candidate is a device that could take a stripe.
type candidate struct {
	room, hole   int
	avail, total uint64
}

// chunk takes the room for one chunk (for scale chunks of the largest size, if
// they fit) and says how many chunks and bytes that is; 0 when none fits.
func (a Allocator) chunk(p Profile, l placement, rooms []Room, scale uint64) (chunks int, bytes, raw uint64) {
	limit, stripe := a.limits(p)
	limit, stripe = mul(limit, scale), mul(stripe, scale)
	want := mul(stripe, l.devStripes)
	var list []candidate
	for i := range rooms {
		c := candidate{room: i, hole: -1, total: rooms[i].total()}
		for h, size := range rooms[i].Holes {
			if size > c.avail {
				c.hole, c.avail = h, size
			}
			if size >= want { // the first that suffices is taken
				c.hole, c.avail = h, want
				break
			}
		}
		if c.hole >= 0 && c.avail >= stripeLen*l.devStripes {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(y.avail, x.avail), cmp.Compare(y.total, x.total))
	})
	n := len(list) / l.devStep * l.devStep
	if n < l.devMin || n == 0 {
		return 0, 0, 0
	}
	n = min(n, a.maxDevices(p, l))
	size := list[n-1].avail / l.devStripes
	data := (uint64(n)*l.devStripes - l.parity) / l.copies
	if data == 0 {
		return 0, 0, 0
	}
	if size > limit/data {
		size = min(roundUp(limit/data, 16<<20), size)
	}
	size = min(size, mul(maxStripe, scale)) / stripeLen * stripeLen
	if size == 0 {
		return 0, 0, 0
	}
	for _, c := range list[:n] {
		rooms[c.room].Holes[c.hole] -= size * l.devStripes
	}
	one := min(max(limit/scale, 1), mul(data, maxStripe))
	bytes = size * data
	return int(max(1, (bytes+one-1)/one)), bytes, size * uint64(n) * l.devStripes
}

// limits are the largest chunk and the largest stripe of a type
// (init_alloc_chunk_ctl_policy_regular).
func (a Allocator) limits(p Profile) (chunk, stripe uint64) {
	chunk = a.ChunkSize
	if chunk == 0 {
		switch {
		case p&Data != 0:
			chunk = 10 << 30
		case p&System != 0:
			chunk = 32 << 20
		case a.Writable > 50<<30:
			chunk = 1 << 30
		default:
			chunk = 256 << 20
		}
	}
	stripe = min(chunk, maxStripe)
	return min(chunk, a.Writable/10), stripe
}

func (a Allocator) maxDevices(p Profile, l placement) int {
	n := l.devMax
	if n == 0 {
		node := max(int(a.NodeSize), 4096)
		n = (node-101-25-lenChunkHead-lenStripe)/lenStripe + 1 // what fits into a chunk item
	}
	if p&System != 0 {
		n = min(n, maxSystemDevs)
	}
	return n / l.devStep * l.devStep
}

func mul(a, b uint64) uint64 {
	if b != 0 && a > math.MaxUint64/b {
		return math.MaxUint64
	}
	return a * b
}

func roundUp(n, to uint64) uint64 {
	if n > math.MaxUint64-to {
		return n
	}
	return (n + to - 1) / to * to
}

// reduce is the profile that the next chunk of a type gets, out of those that
// are there: the most redundant that the writable devices still allow, else
// single (btrfs_reduce_alloc_profile). A degraded raid1 of two devices so goes
// on as single.
func reduce(p Profile, writable int) Profile {
	for _, raid := range []Profile{RAID1C4, RAID6, RAID1C3, RAID5, RAID10, RAID1, DUP, RAID0} {
		l, _ := raid.placement()
		if p&raid != 0 && writable >= l.devMin {
			return p.Type() | raid
		}
	}
	return p.Type()
}
