package rpc

import (
	"context"
	"sync"
	"time"
)

// A gate bounds how many calls make their answers at once: until it is made,
// nobody knows how large an answer is. It is for what takes no time, so a call
// that takes some leaves the gate to others, though it runs on.
type gate chan struct{}

// gateTime is how long one call keeps its place.
const gateTime = 100 * time.Millisecond

// pass waits for a place; leave gives it back, and may be called again.
func (g gate) pass(ctx context.Context) (leave func(), err error) {
	select {
	case g <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	give := sync.OnceFunc(func() { <-g })
	slow := time.AfterFunc(gateTime, give)
	return func() { slow.Stop(); give() }, nil
}
