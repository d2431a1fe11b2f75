package events

import (
	"context"
	"fmt"
)

// A Follower reads a numbered series, history first, then what comes. It holds
// no buffer of its own: it reads from the history, and what left the history
// before it was read is counted and told. It never holds the engine up. For
// one goroutine.
type Follower[T any] struct {
	engine *Engine
	next   uint64
	// window returns the history and the highest number that may be seen; the
	// engine is locked.
	window func() (*ring[T], uint64)
}

// Follow reads accepted events from number from on; 0 means from now on. A
// number that was not yet given means from now on too.
func (e *Engine) Follow(from uint64) *Follower[Event] {
	return follow(e, from, func() (*ring[Event], uint64) { return e.ledger.history, e.published })
}

// FollowComposites reads composites that were handled, likewise.
func (e *Engine) FollowComposites(from uint64) *Follower[Composite] {
	return follow(e, from, func() (*ring[Composite], uint64) {
		last := e.ledger.lastNumber
		if e.ledger.inflight != nil {
			last--
		}
		return e.finished, last
	})
}

func follow[T any](e *Engine, from uint64, window func() (*ring[T], uint64)) *Follower[T] {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, last := window(); from == 0 || from > last {
		from = last + 1
	}
	return &Follower[T]{engine: e, next: from, window: window}
}

// followChunk is the most that one Next returns.
const followChunk = 128

// Next waits for the next items. missed is how many were forgotten between the
// last ones and these. It fails when ctx ends, and with ErrClosed when the
// engine is closed and everything was read.
func (f *Follower[T]) Next(ctx context.Context) (items []T, missed uint64, err error) {
	for {
		f.engine.mu.Lock()
		items, missed = f.readLocked()
		closed := f.engine.closed
		if f.engine.news == nil {
			f.engine.news = make(chan struct{})
		}
		news := f.engine.news
		f.engine.mu.Unlock()
		switch {
		case len(items) > 0 || missed > 0:
			return items, missed, nil
		case closed:
			return nil, 0, ErrClosed
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("cannot follow events: %w", context.Cause(ctx))
		}
	}
}

// Position is the number that the next item will have at least: what to follow
// from after a break.
func (f *Follower[T]) Position() uint64 { return f.next }

func (f *Follower[T]) readLocked() (items []T, missed uint64) {
	r, last := f.window()
	if f.next > last {
		return nil, 0
	}
	first, end := last+1, last+1 // of what can be read
	if r.count > 0 && r.first <= last {
		first, end = r.first, min(r.end(), last+1)
	}
	if f.next < first {
		missed = first - f.next
		f.next = first
	}
	if f.next >= end { // numbers that were given, but not by this process
		missed += last + 1 - f.next
		f.next = last + 1
		return nil, missed
	}
	n := min(end-f.next, followChunk)
	items = make([]T, 0, n)
	for range n {
		items = append(items, *r.at(f.next))
		f.next++
	}
	return items, missed
}

// Recent returns the newest events in memory, oldest first, at most n.
func (e *Engine) Recent(n int) []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.ledger.history
	if r.count == 0 || e.published < r.first {
		return nil
	}
	end := min(r.end(), e.published+1)
	from := end - min(uint64(max(n, 0)), end-r.first)
	list := make([]Event, 0, end-from)
	for ; from < end; from++ {
		list = append(list, *r.at(from))
	}
	return list
}
