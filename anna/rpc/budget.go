package rpc

import (
	"context"
	"sync"
)

// A budget shares out bytes that the server may hold at once. One user gets at
// most a quarter of it, and root and the daemon itself have the last quarter
// to themselves, so that whoever fills his share waits for himself alone.
type budget struct {
	total int

	mu      sync.Mutex
	used    int
	byUID   map[int]int
	waiting int
	freed   chan struct{} // closed, and made anew, when bytes come back
}

func newBudget(total int) *budget {
	return &budget{total: total, byUID: map[int]int{}, freed: make(chan struct{})}
}

// max is the most that one piece for this peer can have.
func (b *budget) max(p Peer) int {
	if p.privileged() {
		return b.total
	}
	return b.total * 3 / 4
}

// take waits until the peer may hold n more bytes. A piece larger than the
// peer's share is let through when it is the peer's only one.
func (b *budget) take(ctx context.Context, p Peer, n int) error {
	for {
		b.mu.Lock()
		held := b.byUID[p.UID]
		fits := b.used+n <= b.max(p) && (p.privileged() || held == 0 || held+n <= b.total/4)
		if fits {
			b.used += n
			b.byUID[p.UID] = held + n
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.waiting++
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		b.mu.Lock()
		b.waiting--
		b.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// try is take without waiting.
func (b *budget) try(p Peer, n int) bool {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	return b.take(done, p, n) == nil
}

func (b *budget) give(p Peer, n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.byUID[p.UID] -= n; b.byUID[p.UID] == 0 {
		delete(b.byUID, p.UID)
	}
	if b.waiting > 0 {
		close(b.freed)
		b.freed = make(chan struct{})
	}
}
