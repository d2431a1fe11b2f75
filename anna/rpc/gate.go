package rpc

import (
	"context"
	"sync"
	"time"
)

// A gate bounds how many calls make their answers at once, for nobody knows how
// large an answer is before it is made. A call that takes longer than gateTime
// gives its place to the next and runs on: a slow handler must not hold up all.
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
