package diff

import (
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// since says whether an inode was written after the sides parted. In the very
// transaction of a snapshot the kernel still writes, after it has copied the
// tree, the directory that gets the snapshot's name, and nothing else. For its
// sake all nodes of that transaction are read: a diff is slower where much was
// written in the seconds before the snapshot.
func (e *engine) since(i *btrfs.Inode) bool { return e.fresh(i.Transid, i.Mode) }

func (e *engine) fresh(transid uint64, mode uint32) bool {
	return transid > e.rel.fork || transid == e.rel.fork && (typeOf(mode) == Dir || e.rel.fork == 0)
}

// wanted says the same of the first item of an inode, of which a window may show
// any.
func (e *engine) wanted(it *btrfs.Item) bool {
	if it.Key.Type != btrfs.TypeInodeItem || len(it.Data) < 56 {
		return false
	}
	return e.fresh(binary.LittleEndian.Uint64(it.Data[8:]), binary.LittleEndian.Uint32(it.Data[52:]))
}

// runGap is how far apart the numbers of candidates may be to be read together,
// and runMost how many numbers that may be.
const (
	runGap  = 4
	runMost = 512
)

// scan brings up every inode that either side wrote since they parted.
func (e *engine) scan(last uint64, progress func(ino uint64)) error {
	e.owned = func(w which, _ uint64, i *btrfs.Inode) bool { return !e.rel.frozen[w] && e.since(i) }
	// An entry is made together with the last change of what it names, or before.
	e.brought = func(x entry) bool { return x.transid > e.rel.fork }
	total := last - top
	return e.spread(total, e.tune.pieces, total < e.tune.pieceWidth, func(w *engine, p *piece) (uint64, error) {
		ends := p.high == total
		err := w.scanPiece(p, ends)
		return top + p.high, err
	}, progress)
}

// scanPiece is the scan of a range of inodes; ends says that all behind it
// belongs to it.
func (e *engine) scanPiece(p *piece, ends bool) error {
	high := top + p.high
	if ends {
		high = btrfs.LastFree
	}
	for w := range e.windows {
		e.windows[w].start(btrfs.Range{
			Tree: e.trees[w].id, MinTransid: e.rel.fork,
			Min: btrfs.Key{Object: top + p.low}, Max: btrfs.Key{Object: high, Type: 255, Offset: ^uint64(0)},
		})
		e.windows[w].done = e.rel.frozen[w]
	}
	for {
		filled, err := e.fill()
		if err != nil {
			return err
		}
		if filled {
			e.share(p)
		}
		ino, more := e.next()
		if !more {
			return nil
		}
		if ino == 0 {
			continue // nothing in all that was read
		}
		var at [2]*group
		for w, v := range e.windows {
			if v.next < len(v.list) && v.list[v.next].ino == ino {
				at[w] = &v.list[v.next]
				v.next++
			}
		}
		if err := e.candidate(ino, at); err != nil {
			return err
		}
	}
}

// fill has the windows go on where all they show is done.
func (e *engine) fill() (filled bool, err error) {
	for _, v := range e.windows {
		if v.next == len(v.list) && !v.done {
			if err := v.fill(e.ctx); err != nil {
				return false, err
			}
			filled = true
		}
	}
	return filled, nil
}

// next is the candidate that comes next: 0 if a window has to go on first. It is
// false at the end.
func (e *engine) next() (ino uint64, more bool) {
	for _, v := range e.windows {
		switch {
		case v.next < len(v.list):
			if at := v.list[v.next].ino; !more || at < ino {
				ino = at
			}
			more = true
		case !v.done:
			return 0, true
		}
	}
	return ino, more
}

// fewCandidates is how many make no work worth speaking of, beside reading on.
const fewCandidates = 32

// share has somebody else go on behind what the windows show: both then work
// close together, as disks like it. Where there is hardly anything to classify it
// is the other half of the range, so that both read.
func (e *engine) share(p *piece) {
	through, candidates := btrfs.LastFree, 0
	for _, v := range e.windows {
		candidates += len(v.list) - v.next
		if !v.done {
			through = min(through, v.rest.Min.Object-1)
		}
	}
	high := top + p.high
	if through >= high {
		return
	}
	if candidates < fewCandidates {
		through += (high - through) / 2
	}
	if !e.shared.offer(p, through+1-top) {
		return
	}
	for _, v := range e.windows {
		v.end(through)
	}
}

// candidate classifies an inode that one window shows, or both.
func (e *engine) candidate(ino uint64, at [2]*group) error {
	for _, g := range at {
		if g != nil && g.torn {
			return e.process(ino, ino)
		}
	}
	if e.rel.fork == 0 { // the windows show all there is
		var p [2]part
		for w, g := range at {
			if g != nil {
				p[w].head = g.items
			}
		}
		if at[from] != nil && at[to] != nil && sameItems(p[from].head, p[to].head) {
			return nil
		}
		return e.weigh(ino, p)
	}
	switch {
	case at[from] != nil && at[to] != nil:
		return e.classify(ino, ino)
	case at[from] != nil:
		return e.oneWrote(from, ino, at[from])
	}
	return e.oneWrote(to, ino, at[to])
}

// weigh classifies an inode by items that are at hand.
func (e *engine) weigh(ino uint64, p [2]part) error {
	var n [2]*node
	for w := range n {
		e.held[w].hold(p[w])
		var err error
		if n[w], err = head(e.ctx, e.held[w], ino); err != nil {
			return err
		}
	}
	return e.judge(ino, n, e.held)
}

// oneWrote classifies an inode that only side w wrote, whose items in new leaves
// are at hand. Those in old leaves are as they were when the sides parted, and
// so among the items of the other side: if nothing there is missing here, none
// were left out.
func (e *engine) oneWrote(w which, ino uint64, g *group) error {
	f, o := e.held[w], w.other()
	f.hold(part{head: g.items})
	var n [2]*node
	var err error
	if n[w], err = head(e.ctx, f, ino); err != nil || n[w] == nil {
		return err
	}
	if n[w].Generation > e.rel.fork { // born since: all of it is new
		return e.judge(ino, n, e.held)
	}
	if g.dir {
		if done, err := e.oneWroteDir(w, n[w], g.items); done || err != nil {
			return err
		}
	}
	guess := g.items.Len()
	if g.dir {
		guess = firstItems
	}
	theirs, fits, err := e.near[o].read(e.ctx, ino, e.runEnd(w), guess)
	if err != nil {
		return err
	}
	if !fits {
		return e.process(ino, ino)
	}
	e.held[o].hold(theirs)
	if n[o], err = head(e.ctx, e.held[o], ino); err != nil {
		return err
	}
	if n[o] == nil || !e.identical(&n[from].Inode, &n[to].Inode) {
		return e.process(ino, ino)
	}
	complete, err := e.complete(w, n[w], part{head: g.items}, theirs)
	if err != nil {
		return err
	}
	if complete {
		return e.judge(ino, n, e.held)
	}
	ours, fits, err := e.near[w].read(e.ctx, ino, ino, firstItems)
	if err != nil {
		return err
	}
	if !fits {
		return e.process(ino, ino)
	}
	var p [2]part
	p[w], p[o] = ours, theirs
	return e.weigh(ino, p)
}

// runEnd is the last of the candidates that are close to the one at hand. It
// goes up to a directory, of which not all is read.
func (e *engine) runEnd(w which) uint64 {
	v := e.windows[w]
	first := v.list[v.next-1].ino
	end := first
	for _, g := range v.list[v.next:] {
		if g.ino-end > runGap || g.ino-first >= runMost || g.dir {
			break
		}
		end = g.ino
	}
	return end
}

// mostSeen is how many entries that a directory has lost are looked up one by
// one, before all that it has is read.
const mostSeen = 16

// complete says whether ours has all items of an inode that matter, by those of
// the other side, which has not written it.
func (e *engine) complete(w which, n *node, ours, theirs part) (bool, error) {
	if uint32(len(n.links)) != n.Links && n.Links > 0 {
		return false, nil
	}
	var x, y feed
	x.hold(ours)
	y.hold(theirs)
	for lost := 0; y.ok; y.step() {
		key := y.item.Key
		switch key.Type {
		case btrfs.TypeXattr, btrfs.TypeDirIndex, btrfs.TypeExtentData:
		default:
			continue
		}
		for x.ok && x.item.Key.Compare(key) < 0 {
			x.step()
		}
		switch {
		case x.ok && x.item.Key == key:
			continue
		case key.Type != btrfs.TypeDirIndex || lost == mostSeen:
			return false, nil
		}
		lost++
		old, err := parseEntry(y.item)
		if err != nil {
			return false, err
		}
		at, ok, err := e.trees[w].entry(e.ctx, n.ino, old.name)
		if err != nil || ok && at == old.at {
			return false, err
		}
	}
	return true, nil
}

// sameItems says whether two inodes have the same items.
func sameItems(a, b btrfs.Answer) bool {
	var x, y btrfs.Item
	for {
		okX, okY := a.Next(&x), b.Next(&y)
		if !okX || !okY {
			return okX == okY
		}
		if x.Key != y.Key || string(x.Data) != string(y.Data) {
			return false
		}
	}
}

// classify classifies a candidate of which nothing is at hand.
func (e *engine) classify(ino, through uint64) error {
	var p [2]part
	for w := range p {
		var fits bool
		var err error
		if p[w], fits, err = e.near[w].read(e.ctx, ino, through, firstItems); err != nil {
			return err
		}
		if !fits {
			return e.process(ino, ino)
		}
	}
	return e.weigh(ino, p)
}
