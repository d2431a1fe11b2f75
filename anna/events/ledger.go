package events

import "time"

// A ledger is the whole state of the queue: what waits, what is in the
// handler's hands, the history, the counters and the journals. It is changed by
// steps (accept with note, drop, take, done, forget), each of which is one
// record of the spool: replaying the records over a checkpoint gives the same
// ledger. (What a damaged spool lacks is counted as lost by the next accept.) It does no
// I/O and no locking.
type ledger struct {
	lastSeq    uint64
	lastNumber uint64

	observed  uint64
	processed uint64
	merged    uint64
	failed    uint64 // part of processed: composites the handler gave up
	dropped   [domainCount]uint64
	lost      uint64 // part of dropped by no domain: damaged in the spool

	waiting  [domainCount]gathering
	inflight *Composite
	held     int // causes of inflight
	heldSize int // weight of inflight
	causes   int // causes waiting
	bytes    int // weight of the causes waiting

	history *ring[Event]

	journals map[string]*journal // by source
}

func newLedger(history int) *ledger {
	return &ledger{journals: map[string]*journal{}, history: newRing(history, historyBytes, func(ev *Event) int { return eventWeight(ev) })}
}

// admit says whether there is room for ev. When only its details are too much
// for the byte bound it takes them off.
func (l *ledger) admit(ev *Event, s *Settings) bool {
	known := l.waiting[ev.Domain.index()].has(ev)
	full := l.bytes+l.heldSize+eventWeight(ev) > s.QueueBytes
	if known {
		if full {
			ev.Detail, ev.Attributes = "", nil
		}
		return true
	}
	return !full && l.causes+l.held < s.QueueLimit
}

// accept numbers ev, unless it comes with its number from the spool, and adds
// it to what its domain waits with. Numbers that were skipped in the spool are
// events lost to damage.
func (l *ledger) accept(ev *Event) {
	if ev.Seq == 0 {
		ev.Seq = l.lastSeq + 1
	}
	if ev.Seq > l.lastSeq+1 {
		l.lose(ev.Seq - l.lastSeq - 1)
	}
	l.lastSeq = ev.Seq
	l.observed++
	g := &l.waiting[ev.Domain.index()]
	before := len(g.Causes)
	l.bytes += g.add(ev)
	l.causes += len(g.Causes) - before
	l.history.push(ev.Seq, *ev)
}

func (l *ledger) drop(domain int, n uint64) {
	l.observed += n
	l.dropped[domain] += n
}

func (l *ledger) lose(n uint64) {
	l.observed += n
	l.lost += n
}

// take moves what a domain waits with into the handler's hands.
func (l *ledger) take(domain int, number uint64) *Composite {
	g := &l.waiting[domain]
	c := g.Composite
	c.Number, l.lastNumber = number, number
	l.causes -= len(c.Causes)
	l.bytes -= g.bytes
	l.inflight, l.held, l.heldSize = &c, len(c.Causes), g.bytes
	*g = gathering{}
	return &c
}

// done ends the composite in the handler's hands.
func (l *ledger) done(failed bool) {
	l.processed++
	l.merged += l.inflight.Count - 1
	if failed {
		l.failed++
	}
	l.inflight, l.held, l.heldSize = nil, 0, 0
}

func (l *ledger) pending() uint64 {
	var n uint64
	for i := range l.waiting {
		n += l.waiting[i].Count
	}
	if l.inflight != nil {
		n += l.inflight.Count
	}
	return n
}

func (l *ledger) droppedTotal() uint64 {
	n := l.lost
	for _, d := range l.dropped {
		n += d
	}
	return n
}

// oldest is when the longest waiting event was seen; zero when none waits.
func (l *ledger) oldest() time.Time {
	var oldest time.Time
	earlier := func(c *Composite) {
		if c.Count > 0 && (oldest.IsZero() || c.FirstTime.Before(oldest)) {
			oldest = c.FirstTime
		}
	}
	for i := range l.waiting {
		earlier(&l.waiting[i].Composite)
	}
	if l.inflight != nil {
		earlier(l.inflight)
	}
	return oldest
}
