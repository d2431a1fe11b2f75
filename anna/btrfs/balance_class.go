package btrfs

import "slices"

// A sizeClass is how the kernel sorts data extents, since Linux 6.2: a block
// group takes extents of one class, and before one of another class is used, a
// new chunk is made where there is room for one (btrfs_calc_block_group_size_class,
// find_free_extent_update_loop).
type sizeClass uint8

const (
	classNone   sizeClass = iota
	classSmall            // up to 128 KiB
	classMedium           // up to 8 MiB
	classLarge
)

func classOf(length uint64) sizeClass {
	switch {
	case length <= 128<<10:
		return classSmall
	case length <= 8<<20:
		return classMedium
	}
	return classLarge
}

// class is what the kernel takes a block group for after a mount: the smallest
// of five samples (load_block_group_size_class). One that was filled in this
// mount has the class of what came first, which is seldom another.
func (l *Layout) class(g BlockGroup) sizeClass {
	class := classNone
	for i := range uint64(5) {
		at := g.Start + g.Length/5*i
		j, _ := slices.BinarySearchFunc(l.Extents, at, func(s Span, at uint64) int {
			if s.Start < at {
				return -1
			}
			return 1
		})
		if j == len(l.Extents) {
			continue
		}
		if c := classOf(l.Extents[j].Length); class == classNone || c < class {
			class = c
		}
	}
	return class
}

// classes are the largest extent of each class.
func (l *Layout) classes() (largest [classLarge + 1]uint64) {
	for _, e := range l.Extents {
		c := classOf(e.Length)
		largest[c] = max(largest[c], e.Length)
	}
	return largest
}

// home says whether a block group that stays takes extents of a class up to a
// length, as far as they were read; those that were not are taken to do so.
func (r *receivers) home(c sizeClass, length uint64) bool {
	for {
		for _, h := range r.holes {
			if h.Length < length {
				continue
			}
			i := slices.IndexFunc(r.seen, func(s seen) bool { return s.group.holds(h.Start) })
			if i >= 0 && !r.p.gone[r.seen[i].group.Start] && (r.seen[i].class == c || r.seen[i].class == classNone) {
				return true
			}
		}
		if ok, reason := r.more(BlockGroup{}); !ok {
			return reason != ReasonScattered || len(r.seen) == maxReceivers
		}
	}
}

// chunks counts the data chunks that the kernel makes while it moves the chosen
// block groups in this order, for want of one of the right class.
func (p *planner) chunks(chosen []BlockGroup, room *receivers) (n int) {
	var made [classLarge + 1]bool
	gone := map[uint64]bool{}
	for _, g := range chosen {
		for c, length := range p.moving[g.Start] {
			if length == 0 || made[c] || room.home(sizeClass(c), length) {
				continue
			}
			// At first there may be no room even for that.
			if bytes, _ := p.make(p.rooms(gone), n+1); bytes > 0 {
				made[c] = true
				n++
			}
		}
		gone[g.Start] = true
	}
	return n
}

// make takes n data chunks out of rooms; 0, 0 where the last one does not fit.
func (p *planner) make(rooms []Room, n int) (bytes, raw uint64) {
	data := p.Space.Type(Data)
	a := p.allocator(data, rooms)
	l, ok := data.Next.placement()
	for i := 0; ok && i < n; i++ {
		made, b, r := a.chunk(data.Next, l, rooms, 1)
		if made == 0 {
			return 0, 0
		}
		bytes += b
		raw += r
	}
	return bytes, raw
}
