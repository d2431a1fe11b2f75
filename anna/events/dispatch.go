package events

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// dueTimes are what a domain's next hand-over is worked out from.
type dueTimes struct {
	first time.Time // first event that waits
	last  time.Time // last hand-over; zero before the first
}

func (d *dueTimes) at(s *Settings) time.Time {
	due := d.first.Add(s.Debounce)
	if cooled := d.last.Add(s.Cooldown); !d.last.IsZero() && cooled.After(due) {
		due = cooled
	}
	return due
}

const (
	attempts   = 2 // of the handler: one retry
	retryPause = 100 * time.Millisecond
	stopGrace  = 250 * time.Millisecond // for a handler whose context ended with Run
)

// handling is what is known about the handler.
type handling struct {
	since   time.Time // beginning of the attempt that runs; zero when none does
	overdue bool      // it is past its deadline and has not returned
	lastErr string
	lastAt  time.Time
}

// Run hands composites over until ctx ends; then it goes on without waiting
// for debounce and cool-down until all is handled or DrainTimeout is over.
// What is left stays pending in the spool.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	if e.running || e.closed {
		e.mu.Unlock()
		return errors.New("cannot run the event engine: it runs already or is closed")
	}
	e.running = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.running = false
		e.mu.Unlock()
	}()

	// Handlers outlive ctx by the drain timeout.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		e.mu.Lock()
		drain := e.settings.DrainTimeout
		e.mu.Unlock()
		e.wakeUp()
		time.AfterFunc(drain, cancel)
	})
	defer stop()

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		draining := ctx.Err() != nil
		c, wait, ok := e.next(draining)
		if c != nil {
			if !e.hand(work, *c) {
				return nil
			}
			if work.Err() != nil {
				return nil
			}
			continue
		}
		if draining {
			return nil
		}
		if !ok {
			wait = 24 * time.Hour
		}
		timer.Reset(wait)
		select {
		case <-e.wake:
		case <-ctx.Done():
		case <-timer.C:
		}
	}
}

// next takes the composite that is due, or says how long to wait for one; ok
// is false when nothing is to be waited for.
func (e *Engine) next(draining bool) (c *Composite, wait time.Duration, ok bool) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ledger.inflight != nil { // of the run before
		again := *e.ledger.inflight
		return &again, 0, true
	}
	pick := -1
	var earliest time.Time
	for i := range e.due {
		if e.ledger.waiting[i].Count == 0 {
			continue
		}
		if at := e.due[i].at(&e.settings); pick < 0 || at.Before(earliest) {
			pick, earliest = i, at
		}
	}
	if d, retry := e.spool.retryIn(now); retry {
		if d == 0 {
			e.unwritten = true // a commit tries
			e.commitLocked()
			d, _ = e.spool.retryIn(time.Now())
		}
		wait, ok = max(d, time.Millisecond), true
	}
	if pick < 0 {
		return nil, wait, ok
	}
	if left := earliest.Sub(now); left > 0 && !draining {
		if ok {
			left = min(left, wait)
		}
		return nil, left, true
	}
	number := e.ledger.lastNumber + 1
	c = e.ledger.take(pick, number)
	if e.spool != nil {
		e.buffer = appendTakeRecord(e.buffer, pick, number)
	}
	e.unwritten = true
	e.due[pick].last = now
	e.commitLocked() // before anybody can see the number
	return c, 0, true
}

// hand runs the handler on c, twice if need be, and ends c. It is false when
// the run ended first: then c stays pending.
func (e *Engine) hand(work context.Context, c Composite) bool {
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			pause := time.NewTimer(retryPause)
			select {
			case <-pause.C:
			case <-work.Done():
				pause.Stop()
				return false
			}
		}
		var ended bool
		if err, ended = e.attempt(work, c); !ended {
			return false
		}
		if err == nil {
			break
		}
		if work.Err() != nil {
			return false // it may have failed because it was told to stop
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		c.Error = err.Error()
		e.hands.lastErr, e.hands.lastAt = c.Error, time.Now()
		e.log.Warn("event handler gave up", "domain", string(c.Domain), "composite", c.Number, "events", c.Count, "error", err)
	}
	e.ledger.done(err != nil)
	if e.spool != nil {
		e.buffer = appendDoneRecord(e.buffer, c.Number, err != nil)
	}
	e.unwritten = true
	e.finished.push(c.Number, c)
	e.commitLocked()
	e.publishLocked()
	e.roomLocked()
	return true
}

// attempt runs the handler once. It returns only when the handler did, or when
// the run ended (ended is false).
func (e *Engine) attempt(work context.Context, c Composite) (err error, ended bool) {
	if e.handler == nil {
		return nil, true
	}
	e.mu.Lock()
	limit := e.settings.HandlerTimeout
	e.hands.since = time.Now()
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		e.hands.since, e.hands.overdue = time.Time{}, false
		e.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(work, limit)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				e.log.Error("event handler panicked", "panic", p, "stack", string(debug.Stack()))
				result <- fmt.Errorf("panic: %v", p)
			}
		}()
		result <- e.handler.Handle(ctx, c)
	}()
	select {
	case err := <-result:
		return err, true
	case <-ctx.Done():
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case err := <-result:
		return err, true
	case <-grace.C:
	}
	if work.Err() != nil {
		return nil, false
	}
	e.mu.Lock()
	e.hands.overdue = true
	e.mu.Unlock()
	e.log.Error("event handler ignores its deadline: events wait", "composite", c.Number, "deadline", limit)
	select {
	case err := <-result:
		return err, true
	case <-work.Done():
		return nil, false
	}
}
