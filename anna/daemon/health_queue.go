package daemon

import (
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// queueWait is how long the queue's status may take. It takes microseconds,
// unless the event loop hangs, in the disk under the spool for one.
const queueWait = 250 * time.Millisecond

// queueFresh is how old an answer may be that is given out again.
const queueFresh = 50 * time.Millisecond

// A queueWatch asks the event engine how it is without hanging with it.
type queueWatch struct {
	status func() events.Status
	// try is status where that need not wait; nil: it is not tried.
	try func() (events.Status, bool)

	mu    sync.Mutex
	last  events.Status
	at    time.Time     // of last
	asks  chan struct{} // closed when the question under way is answered
	since time.Time     // of that question
}

// get returns the newest status there is, and for how long the engine has not
// answered; 0 when it does.
func (q *queueWatch) get() (events.Status, time.Duration) {
	q.mu.Lock()
	if q.asks == nil && time.Since(q.at) < queueFresh {
		defer q.mu.Unlock()
		return q.last, 0
	}
	// Nearly always the answer is there, without a goroutine and a timer: every
	// second these would cost more than all else.
	if q.asks == nil && q.try != nil {
		if s, ok := q.try(); ok {
			q.last, q.at = s, time.Now()
			q.mu.Unlock()
			return s, 0
		}
	}
	if q.asks == nil {
		q.asks, q.since = make(chan struct{}), time.Now()
		go q.ask()
	}
	asks := q.asks
	q.mu.Unlock()
	patience := time.NewTimer(queueWait)
	defer patience.Stop()
	select {
	case <-asks:
	case <-patience.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.asks == nil || q.asks != asks {
		return q.last, 0
	}
	return q.last, time.Since(q.since)
}

func (q *queueWatch) ask() {
	s := q.status()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last, q.at = s, time.Now()
	close(q.asks)
	q.asks = nil
}

// queueStatus is how the queue is, as far as it says.
func (k *keeper) queueStatus() events.Status {
	s, _ := k.queue.get()
	return s
}
