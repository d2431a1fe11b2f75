package rpc

import (
	"context"
	"errors"
	"sync"
)

// errFull says that the budget is used up and enough already wait for it.
var errFull = errors.New("the budget is used up")

// A budget shares out bytes that the server may hold at once. One user gets at
// most a quarter of it, and root and the daemon itself have the last quarter
// to themselves, so that whoever fills his share waits for himself alone.
// What waits is held too, so that is bounded as well: to an eighth of the total.
type budget struct {
	total int

	mu      sync.Mutex
	all     share
	byUID   map[int]share
	freed   chan struct{} // closed, and made anew, when bytes come back
	waiters int
}

// A share is what somebody holds and waits for.
type share struct{ held, waiting int }

func newBudget(total int) *budget {
	return &budget{total: total, byUID: map[int]share{}, freed: make(chan struct{})}
}

// max is the most that one piece for this peer can have.
func (b *budget) max(p Peer) int {
	if p.privileged() {
		return b.total
	}
	return b.total * 3 / 4
}

// fits reports whether the peer may hold n more bytes now. A piece larger than
// the peer's share is let through when it is the peer's only one.
func (b *budget) fits(p Peer, n int) bool {
	held := b.byUID[p.UID].held
	return b.all.held+n <= b.max(p) && (p.privileged() || held == 0 || held+n <= b.total/4)
}

// queues reports whether n more bytes may wait.
func (b *budget) queues(p Peer, n int) bool {
	if p.privileged() {
		return b.all.waiting+n <= b.total
	}
	return b.all.waiting+n <= b.total/8
}

func (b *budget) count(p Peer, held, waiting int) {
	b.all.held += held
	b.all.waiting += waiting
	s := b.byUID[p.UID]
	s.held += held
	s.waiting += waiting
	if s == (share{}) {
		delete(b.byUID, p.UID)
		return
	}
	b.byUID[p.UID] = s
}

// take waits until the peer may hold n more bytes. It fails with errFull when
// too much waits already, or with the error of ctx.
func (b *budget) take(ctx context.Context, p Peer, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fits(p, n) {
		b.count(p, n, 0)
		return nil
	}
	if !b.queues(p, n) {
		return errFull
	}
	b.count(p, 0, n)
	defer b.count(p, 0, -n)
	for {
		freed := b.freed
		b.waiters++
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		b.mu.Lock()
		b.waiters--
		if err := ctx.Err(); err != nil {
			return err
		}
		if b.fits(p, n) {
			b.count(p, n, 0)
			return nil
		}
	}
}

// try is take without waiting.
func (b *budget) try(p Peer, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fits(p, n) {
		return false
	}
	b.count(p, n, 0)
	return true
}

func (b *budget) give(p Peer, n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(p, -n, 0)
	if b.waiters > 0 {
		close(b.freed)
		b.freed = make(chan struct{})
	}
}
