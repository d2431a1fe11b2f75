package diff

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// The inodes are cut into ranges that are compared side by side: into about
// pieces of them, but none of less than pieceWidth numbers.
const (
	pieces     = 48
	pieceWidth = 2048
)

// workers is how many ranges are compared at a time. One may wait for the disk
// while another one computes; more of them only cost memory.
func workers() int { return min(max(2, runtime.GOMAXPROCS(0)), 4) }

// found is what a worker hands on: changes, in the order of their pieces.
type found struct {
	changes []Change
	ino     uint64 // all up to here are done; 0: nothing new
	err     error
}

// handful is how many changes are handed on together; waiting is how many
// handfuls of a piece may wait for those of the pieces before it.
const (
	handful = 64
	waiting = 8
)

// spread does n pieces of work, side by side, and reports the changes in the
// order of the pieces. do says up to which inode it got.
func (e *engine) spread(n int, do func(w *engine, piece int) (uint64, error), progress func(ino uint64)) error {
	if n == 1 {
		e.begin()
		ino, err := do(e, 0)
		if err == nil {
			progress(ino)
		}
		return err
	}
	ctx, cancel := context.WithCancel(e.ctx)
	out := make([]chan found, n)
	for i := range out {
		out[i] = make(chan found, waiting)
	}
	count := min(workers(), n)
	begun := make(chan struct{}, 2*count) // pieces whose changes wait, or will
	var next atomic.Int64
	var running sync.WaitGroup
	team := make([]*engine, count)
	for k := range team {
		w := e.helper(ctx)
		team[k] = w
		running.Go(func() {
			for {
				select {
				case begun <- struct{}{}:
				case <-ctx.Done():
					return
				}
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				w.piece(i, out[i], do)
			}
		})
	}
	err := e.collect(ctx, out, begun, progress)
	cancel()
	running.Wait()
	for _, w := range team {
		e.merge(w)
	}
	return err
}

// collect reports what the workers find.
func (e *engine) collect(ctx context.Context, out []chan found, begun chan struct{}, progress func(ino uint64)) error {
	for _, c := range out {
		for done := false; !done; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case f := <-c:
				if f.err != nil {
					return f.err
				}
				for i := range f.changes {
					if err := e.report(f.changes[i]); err != nil {
						return err
					}
				}
				if done = f.ino != 0; done {
					progress(f.ino)
				}
			}
		}
		<-begun
	}
	return nil
}

// piece does one piece of the work.
func (e *engine) piece(i int, out chan<- found, do func(w *engine, piece int) (uint64, error)) {
	var list []Change
	send := func(f found) error {
		select {
		case out <- f:
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
	ino, err := do(e, i)
	_ = send(found{changes: list, ino: ino, err: err}) // who has gone needs no error
}

// helper is an engine that does a part of the work of e.
func (e *engine) helper(ctx context.Context) *engine {
	w := newEngine(ctx, e.fs, e.info, e.rel, e.ids, nil)
	w.owned, w.brought = e.owned, e.brought
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
