package events

import "time"

// Accounting is where all observed events are. At any moment
// Observed = Processed + Merged + Pending + Dropped, over all restarts.
type Accounting struct {
	Observed  uint64 `json:"observed"`
	Processed uint64 `json:"processed"`
	Merged    uint64 `json:"merged"`
	Pending   uint64 `json:"pending"`
	Dropped   uint64 `json:"dropped"`
}

// Closes says whether the sum holds.
func (a Accounting) Closes() bool {
	return a.Observed == a.Processed+a.Merged+a.Pending+a.Dropped
}

// Status is the state of the queue at one moment.
type Status struct {
	Accounting
	// Failed is the part of Processed whose handler gave up, in composites.
	Failed uint64 `json:"failed"`
	// LostToDamage is the part of Dropped that was unreadable in the spool.
	LostToDamage uint64 `json:"lost_to_damage"`
	// Overdue is the part of Pending that waits for nothing but the handler;
	// the rest waits for debounce or cool-down, as it should. It is the better
	// figure for an alarm.
	Overdue uint64 `json:"overdue"`
	// Causes and Bytes are what the bound is on.
	Causes     int `json:"causes"`
	CauseLimit int `json:"cause_limit"`
	Bytes      int `json:"bytes"`
	// OldestSec is the age of the event that waits longest.
	OldestSec float64 `json:"oldest_sec"`
	// Rates are observed events per second over the last minutes.
	Rate1  float64 `json:"rate_1m"`
	Rate5  float64 `json:"rate_5m"`
	Rate15 float64 `json:"rate_15m"`
	// LastSeq and LastNumber are the highest numbers given.
	LastSeq    uint64         `json:"last_seq"`
	LastNumber uint64         `json:"last_number"`
	Domains    []DomainStatus `json:"domains"`
	Handler    HandlerStatus  `json:"handler"`
	Spool      SpoolStatus    `json:"spool"`
}

// DomainStatus is a domain's part.
type DomainStatus struct {
	Domain  Domain `json:"domain"`
	Waiting uint64 `json:"waiting"`
	Dropped uint64 `json:"dropped"`
}

// HandlerStatus is what is known about the handler.
type HandlerStatus struct {
	// RunningSec is how long the present attempt has taken; 0 when none runs.
	RunningSec float64 `json:"running_sec"`
	// Stuck says that it is past its deadline and has not returned.
	Stuck bool `json:"stuck"`
	// LastError is that of the last composite that was given up.
	LastError string    `json:"last_error,omitempty"`
	LastTime  time.Time `json:"last_time,omitzero"`
}

func (e *Engine) accountingLocked() Accounting {
	l := e.ledger
	return Accounting{
		Observed: l.observed, Processed: l.processed, Merged: l.merged,
		Pending: l.pending(), Dropped: l.droppedTotal(),
	}
}

// Accounting returns the counts of one moment.
func (e *Engine) Accounting() Accounting {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.accountingLocked()
}

// Status returns everything that is known at one moment.
func (e *Engine) Status() Status {
	spool := e.spool.snapshot()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.statusLocked(spool)
}

// TryStatus is Status where nobody needs to be waited for; elsewhere it is
// false.
func (e *Engine) TryStatus() (Status, bool) {
	spool, ok := e.spool.trySnapshot()
	if !ok || !e.mu.TryLock() {
		return Status{}, false
	}
	defer e.mu.Unlock()
	return e.statusLocked(spool), true
}

func (e *Engine) statusLocked(spool SpoolStatus) Status {
	now := time.Now()
	l := e.ledger
	s := Status{
		Accounting: e.accountingLocked(), Failed: l.failed, LostToDamage: l.lost,
		Causes: l.causes + l.held, CauseLimit: e.settings.QueueLimit, Bytes: l.bytes + l.heldSize,
		Rate1:   e.rate.perSecond(now, time.Minute),
		Rate5:   e.rate.perSecond(now, 5*time.Minute),
		Rate15:  e.rate.perSecond(now, 15*time.Minute),
		LastSeq: l.lastSeq, LastNumber: l.lastNumber, Spool: spool,
		Domains: make([]DomainStatus, domainCount),
		Handler: HandlerStatus{Stuck: e.hands.overdue, LastError: e.hands.lastErr, LastTime: e.hands.lastAt},
	}
	if oldest := l.oldest(); !oldest.IsZero() {
		s.OldestSec = max(now.Sub(oldest).Seconds(), 0)
	}
	if l.inflight != nil {
		s.Overdue += l.inflight.Count
	}
	for i := range l.waiting {
		n := l.waiting[i].Count
		s.Domains[i] = DomainStatus{Domain: domains[i], Waiting: n, Dropped: l.dropped[i]}
		if n > 0 && !now.Before(e.due[i].at(&e.settings)) {
			s.Overdue += n
		}
	}
	if !e.hands.since.IsZero() {
		s.Handler.RunningSec = now.Sub(e.hands.since).Seconds()
	}
	return s
}
