package dash

import (
	"sync"
	"time"
)

// A control is what the loop tells the pump. Telling never waits.
type control struct {
	mu       sync.Mutex
	interval time.Duration
	paused   bool
	now      bool
	wake     chan struct{}
}

func newControl(interval time.Duration) *control {
	return &control{interval: interval, wake: make(chan struct{}, 1)}
}

func (c *control) change(f func()) {
	c.mu.Lock()
	f()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// ask has the pump ask at once.
func (c *control) ask() { c.change(func() { c.now = true }) }

func (c *control) setInterval(d time.Duration) { c.change(func() { c.interval = d }) }

// pause keeps the pump from asking; its end has it ask at once.
func (c *control) pause(on bool) { c.change(func() { c.paused, c.now = on, !on }) }

// take returns what holds, and whether to ask at once.
func (c *control) take() (interval time.Duration, paused, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, c.now = c.now, false
	return c.interval, c.paused, now
}

func (c *control) peek() (interval time.Duration, paused, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.interval, c.paused, c.now
}

// intervals are those that + and - step through.
var intervals = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second,
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
}

// stepInterval is the next shorter or longer interval.
func stepInterval(d time.Duration, by int) time.Duration {
	if by > 0 {
		for _, i := range intervals {
			if i > d {
				return i
			}
		}
		return d
	}
	for i := len(intervals) - 1; i >= 0; i-- {
		if intervals[i] < d {
			return intervals[i]
		}
	}
	return d
}
