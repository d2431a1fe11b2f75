package daemon

import "time"

// A rhythm is what the daemon's slow work is done to: what is looked at every
// ten seconds and every minute is looked at in the same moment, for to wake
// costs more than to look. Unlike a beat it is a timer of the runtime's, which
// is the cheaper one for work that may wait for a disk. The runtime's monitor
// thread, which such a timer wakes as well, then naps for long; woken by a
// system call instead, as it is when that work follows a beat, it naps every
// 20 µs until all is still.
type rhythm struct{ began time.Time }

// next is how long it is to the next whole multiple of every since the
// beginning.
func (r rhythm) next(every time.Duration) time.Duration {
	every = max(every, time.Millisecond)
	return every - time.Since(r.began)%every
}

// start returns a ticker to the rhythm. A rhythm that has not begun begins now.
func (r rhythm) start(every time.Duration) *rhythmic {
	if r.began.IsZero() {
		r.began = time.Now()
	}
	t := &rhythmic{rhythm: r, every: every, ticker: time.NewTicker(r.next(every))}
	t.C = t.ticker.C
	return t
}

// A rhythmic ticks to a rhythm; its zero value never does. It serves one
// goroutine.
type rhythmic struct {
	C <-chan time.Time

	rhythm rhythm
	ticker *time.Ticker
	every  time.Duration
	steady bool
}

// turned is to be called for each tick.
func (t *rhythmic) turned() {
	if !t.steady { // the first one came at the right time, and the others go by it
		t.steady = true
		t.ticker.Reset(t.every)
	}
}

// set changes the time between two ticks.
func (t *rhythmic) set(every time.Duration) {
	if every != t.every {
		t.every, t.steady = every, false
		t.ticker.Reset(t.rhythm.next(every))
	}
}

func (t *rhythmic) stop() {
	if t.ticker != nil {
		t.ticker.Stop()
	}
}
