package diff

import (
	"context"
	"sync"
)

// A piece is a range of what there is to do. Its worker hands changes on by out,
// a handful at a time; the last says up to which inode all is done. after is
// what was split off it, in order before all others.
type piece struct {
	low, high uint64
	out       chan found
	after     *piece
}

func newPiece(low, high uint64) *piece {
	return &piece{low: low, high: high, out: make(chan found, waiting)}
}

// found is what a worker hands on.
type found struct {
	changes []Change
	done    bool
	ino     uint64 // when done
	err     error
}

// handful is how many changes are handed on together; waiting is how many
// handfuls of a piece may wait for those of the pieces before it.
const (
	handful = 64
	waiting = 8
)

// workers is how many pieces are compared at a time, whatever the processors are:
// most of them wait for the disk when nothing is in memory yet. More of them only
// cost memory.
const workers = 4

// A sharing is work that several do side by side, while the changes come out in
// the order of the pieces. How much may wait for its turn is bounded: always the
// first piece that nobody has begun is begun next, so that the one whose turn it
// is never waits for others.
type sharing struct {
	mu     sync.Mutex
	change sync.Cond
	todo   []*piece // in order
	begun  int      // pieces that are not all handed on
	most   int      // of those
	idle   int      // workers without a piece
	count  int      // workers
	ended  bool
}

// take begins a piece; nil at the end.
func (s *sharing) take() *piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle++
	for !s.ended && (len(s.todo) == 0 || s.begun == s.most) {
		if len(s.todo) == 0 && s.idle == s.count {
			s.ended = true
			s.change.Broadcast()
			break
		}
		s.change.Wait()
	}
	if s.ended {
		return nil
	}
	p := s.todo[0]
	s.todo = s.todo[1:]
	s.idle--
	s.begun++
	return p
}

// offer splits what p has from low on off it, if there is somebody to do it.
func (s *sharing) offer(p *piece, low uint64) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == 0 || len(s.todo) > 0 || low > p.high {
		return false
	}
	q := newPiece(low, p.high)
	q.after, p.after, p.high = p.after, q, low-1
	s.todo = []*piece{q}
	s.change.Broadcast()
	return true
}

// handedOn goes to the piece that follows one whose changes are all handed on.
func (s *sharing) handedOn(p *piece) *piece {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun--
	s.change.Broadcast()
	return p.after
}

func (s *sharing) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change.Broadcast()
}

// spread has several engines do the work from 0 to total, in about as many
// pieces as given at first, and reports the changes in its order. alone says that
// it is too little to share. do says up to which inode it got.
func (e *engine) spread(total, count uint64, alone bool, do func(w *engine, p *piece) (uint64, error), progress func(ino uint64)) error {
	if alone {
		e.begin()
		ino, err := do(e, newPiece(0, total))
		if err == nil {
			progress(ino)
		}
		return err
	}
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	n := e.tune.workers
	if n == 0 {
		n = workers
	}
	s := &sharing{count: n, most: 4 * n}
	s.change.L = &s.mu
	width := total/count + 1
	for low := uint64(0); low <= total; low += width {
		s.todo = append(s.todo, newPiece(low, min(low+width-1, total)))
	}
	for i, p := range s.todo[:len(s.todo)-1] {
		p.after = s.todo[i+1]
	}
	first := s.todo[0]
	var running sync.WaitGroup
	team := make([]*engine, s.count)
	for k := range team {
		w := e.helper(ctx, s)
		team[k] = w
		running.Go(func() {
			for p := s.take(); p != nil; p = s.take() {
				w.piece(p, do)
			}
		})
	}
	err := e.collect(ctx, s, first, progress)
	cancel()
	s.stop()
	running.Wait()
	for _, w := range team {
		e.merge(w)
	}
	return err
}

// collect reports what the workers find.
func (e *engine) collect(ctx context.Context, s *sharing, p *piece, progress func(ino uint64)) error {
	for p != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-p.out:
			if f.err != nil {
				return f.err
			}
			for i := range f.changes {
				if err := e.report(f.changes[i]); err != nil {
					return err
				}
			}
			if f.done {
				progress(f.ino)
				p = s.handedOn(p)
			}
		}
	}
	return nil
}

// piece does one piece of the work.
func (e *engine) piece(p *piece, do func(w *engine, p *piece) (uint64, error)) {
	var list []Change
	send := func(f found) error {
		select {
		case p.out <- f:
			return nil
		case <-e.ctx.Done():
			return e.ctx.Err()
		}
	}
	e.emit = func(c Change) error {
		list = append(list, c)
		if len(list) < handful {
			return nil
		}
		f := found{changes: list}
		list = nil
		return send(f)
	}
	ino, err := do(e, p)
	_ = send(found{changes: list, done: true, ino: ino, err: err}) // nobody there: nothing to tell
}

// helper is an engine that does a part of the work of e.
func (e *engine) helper(ctx context.Context, s *sharing) *engine {
	w := newEngine(ctx, e.fs, e.info, e.rel, e.ids, nil)
	w.tune, w.only, w.owned, w.brought, w.shared, w.known = e.tune, e.only, e.owned, e.brought, s, e.known
	w.begin()
	return w
}

// merge takes over what a helper has summed up. Its changes are counted as they
// are reported.
func (e *engine) merge(w *engine) {
	e.summary.SizeDelta += w.summary.SizeDelta
	e.summary.AllocatedDelta += w.summary.AllocatedDelta
	e.unsteady = e.unsteady || w.unsteady
	e.nest.merge(&w.nest)
}
