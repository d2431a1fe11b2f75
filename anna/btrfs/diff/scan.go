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

// scan brings up every inode that either side wrote since they parted.
func (e *engine) scan(last uint64, progress func(ino uint64)) error {
	e.owned = func(w which, _ uint64, i *btrfs.Inode) bool { return !e.rel.frozen[w] && e.since(i) }
	// An entry is made together with the last change of what it names, or before.
	e.brought = func(x entry) bool { return x.transid > e.rel.fork }
	total := last - top
	return e.spread(total, e.tune.pieces, total < e.tune.pieceWidth, func(w *engine, p *piece) (uint64, error) {
		err := w.scanPiece(p, total)
		return top + p.high, err
	}, progress)
}

// scanPiece is the scan of a range of inodes. All behind total belongs to the one
// that ends there. The piece may become shorter meanwhile.
func (e *engine) scanPiece(p *piece, total uint64) error {
	for at := top + p.low; ; {
		high := top + p.high
		if p.high == total {
			high = btrfs.LastFree
		}
		s, more := e.stretch(at, high)
		if !more {
			return nil
		}
		if err := e.scanStretch(p, s); err != nil {
			return err
		}
		at = s.last + 1
	}
}

func (e *engine) scanStretch(p *piece, s stretch) error {
	for w := range e.windows {
		e.windows[w].start(btrfs.Range{
			Tree: e.trees[w].id, MinTransid: e.rel.fork,
			Min: btrfs.Key{Object: s.first}, Max: btrfs.Key{Object: s.last, Type: 255, Offset: ^uint64(0)},
		})
		e.windows[w].done = e.rel.frozen[w]
	}
	for {
		filled, err := e.fill()
		if err != nil {
			return err
		}
		if filled {
			e.share(p, s)
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
func (e *engine) share(p *piece, s stretch) {
	through, candidates := s.last, 0
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
