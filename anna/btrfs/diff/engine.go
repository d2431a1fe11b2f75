package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// An engine turns inodes that may differ into changes. It is the one
// classifier: where the candidates come from is the business of the source.
//
// Each inode that differs is handled exactly once, without remembering which
// were: a candidate by its source; an inode that exists on one side only and is
// no candidate (deleted on the other side, which leaves no trace there) where
// its first name is found in a directory that is compared or listed.
type engine struct {
	ctx  context.Context
	rel  relation
	emit func(Change) error

	// owned says that the source brings up this inode of a side.
	owned func(w which, ino uint64, i *btrfs.Inode) bool
	// brought says, without looking at it, that the source brings up what
	// an entry leads to.
	brought func(x entry) bool

	tune tuning
	only []stretch // where a scan searches; nil: everywhere
	fs   *btrfs.FS
	info btrfs.Info
	ids  [2]uint64

	trees [2]*tree
	main  [2]*feed // of the inode at hand
	inner [2]*feed // of what is found on the way
	cmp   comparer
	match [2]*cache[uint64, uint64] // the directory at the same place on the other side
	nest  nested
	known *known

	parted parted // of the directory at hand; its zero value if it is to be read

	// What begin makes.
	windows [2]*window
	near    [2]*reader
	held    [2]*feed // of the inode at hand, from answers that are there
	shared  *sharing // nil for one that does all by itself

	summary  Summary
	unsteady bool // something was no longer there when it was looked for
}

func newEngine(ctx context.Context, fs *btrfs.FS, info btrfs.Info, rel relation, ids [2]uint64, emit func(Change) error) *engine {
	e := &engine{tune: usual, ctx: ctx, fs: fs, info: info, ids: ids, rel: rel, emit: emit, summary: Summary{Counts: map[Kind]int{}}}
	points := fs.NewScanner(btrfs.PointBuffer) // nobody is still at an answer when somebody else asks
	for w := range e.trees {
		e.trees[w] = newTree(points, ids[w])
		e.main[w], e.inner[w] = newFeed(fs, ids[w]), newFeed(fs, ids[w])
		e.match[w] = newCache[uint64, uint64](4096)
		e.cmp.sums[w] = newSums(points, info)
	}
	e.known = newKnown()
	for w, t := range e.trees {
		if rel.frozen[w] {
			t.twin, t.fork = e.trees[which(w).other()], rel.fork
		}
	}
	e.cmp.tail = func(a, b *node, pos uint64) Content { return compareTail(fs, ids, a, b, pos) }
	e.cmp.sector = sectorSize(info)
	return e
}

// begin makes what it takes to go through candidates.
func (e *engine) begin() {
	for w := range e.near {
		e.near[w] = newReader(e.fs, e.ids[w], e.tune.window)
		e.windows[w] = &window{s: e.fs.NewScanner(e.tune.window), wanted: e.wanted, pass: e.trees[w].pass}
		e.held[w] = &feed{}
	}
}

func (e *engine) report(c Change) error {
	e.summary.Counts[c.Kind]++
	return e.emit(c)
}

// identical says whether two inodes of the same number are the same inode:
// born at the same time, and before the two sides parted. (Afterwards each side
// gives out numbers by itself, even in the same transaction.)
func (e *engine) identical(a, b *btrfs.Inode) bool {
	if a == nil || b == nil || a.Generation != b.Generation || e.rel.apart(a.Generation) {
		return false
	}
	return e.rel.fork != 0 || a.OTime.Equal(b.OTime) && typeOf(a.Mode) == typeOf(b.Mode)
}

// both says whether an inode of side w exists, by a name, on both sides.
func (e *engine) both(w which, ino uint64, i *btrfs.Inode) (bool, error) {
	if i.Links == 0 || e.rel.apart(i.Generation) {
		return false, nil
	}
	o, err := e.trees[w.other()].inode(e.ctx, ino)
	if err != nil || o == nil {
		return false, err
	}
	return o.Links > 0 && e.identical(i, o), nil
}

// bothDirs says the same of a directory.
func (e *engine) bothDirs(w which, ino uint64, i *dirInode) (bool, error) {
	if i.Links == 0 || e.rel.apart(i.Generation) {
		return false, nil
	}
	if e.rel.frozen[w.other()] && i.Generation < e.rel.fork {
		return true, nil // it was there, and still is
	}
	o, err := e.trees[w.other()].dir(e.ctx, ino)
	if err != nil || o == nil {
		return false, err
	}
	return o.Links > 0 && e.identical(&i.Inode, &o.Inode), nil
}

// process classifies the inode of a number, whose items may be too many for one
// answer. through is the last number that is sure to come soon.
func (e *engine) process(ino, through uint64) error {
	var n [2]*node
	for w := range n {
		e.main[w].seek(e.ctx, ino, through)
		var err error
		if n[w], err = head(e.ctx, e.main[w], ino); err != nil {
			return err
		}
	}
	return e.judge(ino, n, e.main)
}

// judge classifies an inode by its heads, behind which the feeds stand. What has
// no name (it is deleted, but open) counts as gone, wherever it is met: the kernel
// takes it away at any moment.
func (e *engine) judge(ino uint64, n [2]*node, f [2]*feed) error {
	for w := range n {
		switch {
		case n[w] != nil && len(n[w].links) == 0:
			n[w] = nil
		case n[w] != nil && n[w].isDir():
			e.trees[w].learn(n[w])
		}
	}
	a, b := n[from], n[to]
	if a != nil && b != nil && e.identical(&a.Inode, &b.Inode) {
		if a.Inode == b.Inode && a.Transid <= e.rel.fork {
			return nil // one and the same item
		}
		return e.pair(a, b, f[from], f[to])
	}
	for w := range n {
		if n[w] != nil && e.owned(which(w), ino, &n[w].Inode) {
			if err := e.single(which(w), n[w]); err != nil {
				return err
			}
		}
	}
	return nil
}

// count adds an inode to the deltas, with its first name: not with one more.
func (e *engine) count(w which, n *node, more bool) {
	if more {
		return
	}
	sign := int64(1)
	if w == from {
		sign = -1
	}
	e.summary.SizeDelta += sign * int64(n.size())
	e.summary.AllocatedDelta += sign * int64(e.allocated(n))
}

// sizes fills in the sizes of a side.
func (e *engine) sizes(w which, n *node, more bool, c *Change) {
	size, allocated := n.size(), e.allocated(n)
	if w == from {
		c.SizeBefore, c.AllocatedBefore, c.LinkBefore = size, allocated, more
	} else {
		c.SizeAfter, c.AllocatedAfter, c.LinkAfter = size, allocated, more
	}
}

// allocated is what stat(2) says of a file or symbolic link: whole sectors.
func (e *engine) allocated(n *node) uint64 {
	if !n.sized() {
		return 0
	}
	return roundUp(n.Bytes, e.cmp.sector)
}
