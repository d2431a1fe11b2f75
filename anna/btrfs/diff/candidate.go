package diff

import (
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

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
		if at[from] != nil && at[to] != nil && sameItems(p[from].head, p[to].head) && !e.bornApart(p[from].head) {
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

// bornApart says of the items of an inode that it was born when the sides had
// parted.
func (e *engine) bornApart(items btrfs.Answer) bool {
	var it btrfs.Item
	return !items.Next(&it) || len(it.Data) < 8 || e.rel.apart(binary.LittleEndian.Uint64(it.Data))
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
	if n[w].Links == 0 { // gone; what the other side has of it is found by its name there
		return nil
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

// runGap is how far apart the numbers of candidates may be to be read together,
// and runMost how many numbers that may be.
const (
	runGap  = 4
	runMost = 512
)

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

// mostSeen is how many entries that a directory has lost are looked up one by one,
// before all that it has is read: by how many it has, for a look-up takes as long
// as reading some of them.
func mostSeen(entries int) int { return 2 + min(entries/32, 64) }

// complete says whether ours has all items of an inode that matter, by those of
// the other side, which has not written it.
func (e *engine) complete(w which, n *node, ours, theirs part) (bool, error) {
	if uint32(len(n.links)) != n.Links && n.Links > 0 {
		return false, nil
	}
	var x, y feed
	x.hold(ours)
	y.hold(theirs)
	most := mostSeen(theirs.body.Len())
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
		case key.Type != btrfs.TypeDirIndex || lost == most:
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
