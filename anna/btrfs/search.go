package btrfs

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// Sizes of search buffers. The kernel faults in the whole buffer on every
// call, so a look-up of one item is best done with a small one; a scan with a
// large one. PointBuffer holds any item of the usual 16 KiB node.
const (
	PointBuffer = 40 << 10
	ScanBuffer  = 256 << 10

	maxNode   = 64 << 10 // the largest node, and so more than the largest item
	lenHeader = 32       // struct btrfs_ioctl_search_header
)

// A Range is what to read of one tree.
type Range struct {
	Tree     uint64 // number of the tree; 0 means the tree of the open file
	Min, Max Key    // both belong to the range
	// Types, when not empty, are the types wanted. The kernel takes the
	// range as one compound key, so that items of other types lie inside
	// it: they are left out here.
	Types TypeSet
	// MinTransid leaves out what was not written since that generation.
	// The kernel prunes by whole nodes, and the transid it reports is the
	// leaf's: items that record a generation of their own (inodes, file
	// extents, roots) are compared again by that one. Others come back
	// when their leaf is new enough.
	MinTransid uint64
	// Limit, when not zero, ends the answer after so many items of any type.
	Limit uint32
}

// A TypeSet is a set of item types.
type TypeSet [4]uint64

// Types makes a set.
func Types(types ...uint8) (s TypeSet) {
	for _, t := range types {
		s[t>>6] |= 1 << (t & 63)
	}
	return s
}

func (s TypeSet) has(t uint8) bool { return s == (TypeSet{}) || s[t>>6]&(1<<(t&63)) != 0 }

// An Item is one item of a tree.
type Item struct {
	Key     Key
	Transid uint64 // the generation of the leaf that holds it
	Data    []byte // valid until the next call to Next or another use of the Scanner
}

// Generation is the generation that the item itself records, which is what
// says whether it changed; false for types that record none.
func (it Item) Generation() (uint64, bool) {
	at := -1
	switch it.Key.Type {
	case TypeInodeItem:
		at = 8 // transid, not generation: a change counts, not the birth
	case TypeExtentData:
		at = 0
	case TypeRootItem:
		at = 160
	}
	if at < 0 || len(it.Data) < at+8 {
		return 0, false
	}
	return le.Uint64(it.Data[at:]), true
}

// A Scanner reads trees with one buffer that is used again for every call. It
// serves one goroutine, and one Cursor at a time.
type Scanner struct {
	kernel Kernel
	node   int    // size of a node, or the largest possible
	size   int    // of the buffer
	arg    []byte // made when it is first needed
	calls  int
}

// NewScanner makes a Scanner with a buffer of size bytes (PointBuffer,
// ScanBuffer or more). nodeSize is the file system's, 0 where unknown: it only
// decides whether a closing call can be skipped.
func NewScanner(k Kernel, size int, nodeSize uint32) *Scanner {
	node := int(nodeSize)
	if node <= 0 || node > maxNode {
		node = maxNode
	}
	return &Scanner{kernel: k, node: node, size: max(size, 4096)}
}

// Calls is how many searches were made so far.
func (s *Scanner) Calls() int { return s.calls }

// Lookup reads one item by its exact key; false if it is not there.
func (s *Scanner) Lookup(ctx context.Context, tree uint64, key Key) (Item, bool, error) {
	c := s.Scan(ctx, Range{Tree: tree, Min: key, Max: key, Limit: 1})
	if c.Next() {
		return c.Item(), true, nil
	}
	return Item{}, false, c.Err()
}

// Scan starts reading a range. The context is looked at before every call.
func (s *Scanner) Scan(ctx context.Context, r Range) *Cursor {
	return &Cursor{s: s, ctx: ctx, r: r, from: r.Min}
}

// A Cursor walks the items of a range in the order of their keys:
//
//	c := scanner.Scan(ctx, r)
//	for c.Next() {
//		use(c.Item())
//	}
//	err := c.Err()
//
// Two cursors with a Scanner each can be walked side by side.
type Cursor struct {
	s     *Scanner
	ctx   context.Context
	r     Range
	from  Key    // where the next call starts
	rest  []byte // what is left of the answer
	left  uint32 // items left in rest
	seen  uint32
	asked bool // rest is what remains of an answer
	last  bool // no call is needed any more
	item  Item
	err   error
}

// Item is the item that Next found.
func (c *Cursor) Item() Item { return c.item }

// Err is why Next ended, nil at the end of the range. A range that was
// interrupted has given all items up to that point.
func (c *Cursor) Err() error { return c.err }

// Next finds the next item.
func (c *Cursor) Next() bool {
	for c.err == nil {
		for c.left > 0 {
			if !c.take() {
				return false
			}
			if c.wanted() {
				return true
			}
		}
		// An answer with room left for one more item of any size ended
		// because the range did: asking again would be wasted.
		if c.last || c.asked && len(c.rest) >= lenHeader+c.s.node {
			return false
		}
		c.fetch()
	}
	return false
}

// take parses one item off the answer.
func (c *Cursor) take() bool {
	it, n, err := parseItem(c.rest)
	if err == nil && (it.Key.Compare(c.from) < 0 || it.Key.Compare(c.r.Max) > 0) {
		err = fmt.Errorf("item %v is outside %v to %v", it.Key, c.from, c.r.Max)
	}
	if err != nil {
		c.err = fmt.Errorf("cannot read tree %d: damaged answer: %w", c.r.Tree, err)
		return false
	}
	c.item, c.rest = it, c.rest[n:]
	c.left--
	c.seen++
	var more bool
	c.from, more = it.Key.Next()
	if !more || (c.r.Limit > 0 && c.seen >= c.r.Limit) {
		c.left, c.last = 0, true
	}
	return true
}

func (c *Cursor) wanted() bool {
	if !c.r.Types.has(c.item.Key.Type) {
		return false
	}
	if c.r.MinTransid == 0 {
		return true
	}
	gen, known := c.item.Generation()
	return !known || gen >= c.r.MinTransid
}

// parseItem splits the first item off a search buffer.
func parseItem(b []byte) (Item, int, error) {
	if len(b) < lenHeader {
		return Item{}, 0, fmt.Errorf("%d bytes where a header of %d is due", len(b), lenHeader)
	}
	it := Item{Transid: ne.Uint64(b)}
	it.Key.Object = ne.Uint64(b[8:])
	it.Key.Offset = ne.Uint64(b[16:])
	typ, size := ne.Uint32(b[24:]), ne.Uint32(b[28:])
	if typ > math.MaxUint8 {
		return Item{}, 0, fmt.Errorf("item type %d", typ)
	}
	it.Key.Type = uint8(typ)
	if uint64(size) > uint64(len(b)-lenHeader) {
		return Item{}, 0, fmt.Errorf("item %v of %d bytes in an answer with %d left", it.Key, size, len(b)-lenHeader)
	}
	end := lenHeader + int(size)
	it.Data = b[lenHeader:end:end]
	return it, end, nil
}

// fetch makes one call.
func (c *Cursor) fetch() {
	if c.err = c.ctx.Err(); c.err != nil {
		return
	}
	if c.from.Compare(c.r.Max) > 0 {
		c.last = true
		return
	}
	count := uint32(math.MaxUint32)
	if c.r.Limit > 0 {
		count = c.r.Limit - c.seen
	}
	found, err := c.s.search(c.r.Tree, c.from, c.r.Max, c.r.MinTransid, count)
	if err != nil {
		c.err = fmt.Errorf("cannot read tree %d: %w", c.r.Tree, err)
		return
	}
	c.rest, c.left = c.s.arg[lenSearchArgs:], found
	c.asked, c.last = true, found == 0
}

// An Answer is what one search found, as the kernel wrote it: for those who go
// through very many items and need few. Its zero value is empty. Copies go their
// own ways; all are valid until the next use of the Scanner.
type Answer struct {
	rest  []byte
	left  uint32
	from  Key // the next item is not before it
	max   Key
	spare int // room that shows, where it is left, that nothing follows
	err   error
}

// Ask makes one search and gives the answer as it is: Types is not looked at,
// nor what the items themselves say of their generation. What follows the last
// item is asked for by another range.
func (s *Scanner) Ask(ctx context.Context, r Range) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	count, spare := uint32(math.MaxUint32), lenHeader+s.node
	if r.Limit > 0 {
		count = r.Limit
	}
	found, err := s.search(r.Tree, r.Min, r.Max, r.MinTransid, count)
	switch {
	case err != nil:
		return Answer{}, fmt.Errorf("cannot read tree %d: %w", r.Tree, err)
	case found == count:
		spare = math.MaxInt
	case found == 0:
		spare = 0
	}
	return Answer{rest: s.arg[lenSearchArgs:], left: found, from: r.Min, max: r.Max, spare: spare}, nil
}

// Next splits the first item off into it; false at the end, and at what is
// damaged.
func (a *Answer) Next(it *Item) bool {
	if a.left == 0 {
		return false
	}
	b := a.rest
	if len(b) < lenHeader {
		return a.damaged()
	}
	key := Key{Object: ne.Uint64(b[8:]), Type: uint8(ne.Uint32(b[24:])), Offset: ne.Uint64(b[16:])}
	end := lenHeader + uint64(ne.Uint32(b[28:]))
	if uint64(len(b)) < end || ne.Uint32(b[24:]) > math.MaxUint8 || key.Compare(a.from) < 0 || key.Compare(a.max) > 0 {
		return a.damaged()
	}
	it.Key, it.Transid, it.Data = key, ne.Uint64(b), b[lenHeader:end:end]
	a.rest = b[end:]
	a.left--
	a.from = key
	if a.from.Offset++; a.from.Offset == 0 {
		a.after(key)
	}
	return true
}

// after goes on behind a key.
func (a *Answer) after(key Key) {
	var more bool
	if a.from, more = key.Next(); !more {
		a.left = 0
	}
}

// damaged says what is wrong with the next item.
func (a *Answer) damaged() bool {
	it, _, err := parseItem(a.rest)
	if err == nil {
		err = fmt.Errorf("item %v is outside %v to %v", it.Key, a.from, a.max)
	}
	a.left, a.err = 0, fmt.Errorf("cannot read tree: damaged answer: %w", err)
	return false
}

// Skip passes over the items of an object, if they are next.
func (a *Answer) Skip(object uint64) {
	last := -1
	rest, left := a.rest, a.left
	for left > 0 && len(rest) >= lenHeader && ne.Uint64(rest[8:]) == object {
		end := lenHeader + uint64(ne.Uint32(rest[28:]))
		if uint64(len(rest)) < end {
			break // Next says so
		}
		last = len(rest)
		rest = rest[end:]
		left--
	}
	if last < 0 {
		return
	}
	// The last one stands for all: what is out of order in between harms
	// nobody, for it was passed over.
	b := a.rest[len(a.rest)-last:]
	a.rest, a.left = rest, left
	a.after(Key{Object: object, Type: uint8(ne.Uint32(b[24:])), Offset: ne.Uint64(b[16:])})
}

// Len is how many items are left.
func (a *Answer) Len() int { return int(a.left) }

// Err is why Next ended before the end, nil if it did not.
func (a *Answer) Err() error { return a.err }

// Whole says, when Next has come to the end, whether the range ends there too.
func (a *Answer) Whole() bool { return a.err == nil && len(a.rest) >= a.spare }

// Until is the part of a that lies before rest, which Next left of a copy of it.
func (a Answer) Until(rest Answer) Answer {
	a.rest, a.left = a.rest[:len(a.rest)-len(rest.rest)], a.left-rest.left
	return a
}

// search is one TREE_SEARCH_V2 call (struct btrfs_ioctl_search_args_v2). The
// buffer grows where a single item does not fit (EOVERFLOW).
func (s *Scanner) search(tree uint64, from, to Key, minTransid uint64, count uint32) (uint32, error) {
	if s.arg == nil {
		s.arg = make([]byte, lenSearchArgs+s.size)
	}
	for {
		a := s.arg
		clear(a[:lenSearchArgs])
		ne.PutUint64(a[0:], tree)
		ne.PutUint64(a[8:], from.Object)
		ne.PutUint64(a[16:], to.Object)
		ne.PutUint64(a[24:], from.Offset)
		ne.PutUint64(a[32:], to.Offset)
		ne.PutUint64(a[40:], minTransid)
		ne.PutUint64(a[48:], math.MaxUint64)
		ne.PutUint32(a[56:], uint32(from.Type))
		ne.PutUint32(a[60:], uint32(to.Type))
		ne.PutUint32(a[64:], count)
		ne.PutUint64(a[104:], uint64(len(a)-lenSearchArgs))
		s.calls++
		err := s.kernel.Ioctl(iocTreeSearchV2, a)
		if errors.Is(err, unix.EOVERFLOW) && len(a) < lenSearchArgs+lenHeader+maxNode {
			s.arg = make([]byte, lenSearchArgs+lenHeader+maxNode)
			continue
		}
		return ne.Uint32(a[64:]), err
	}
}
