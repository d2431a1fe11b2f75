package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A Handler consumes composites: the store, the assessment. See the package
// comment for what it can rely on.
type Handler interface {
	// Handle returns when c is where it belongs. It must not change c and must
	// return soon after ctx ended.
	Handle(ctx context.Context, c Composite) error
}

// HandlerFunc makes a Handler of a function.
type HandlerFunc func(ctx context.Context, c Composite) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, c Composite) error { return f(ctx, c) }

// A Sink is where sources put what they see: the engine, to them.
type Sink interface {
	// Observe offers events in order. It returns how many were accepted; the
	// error (ErrFull, ErrClosed, ErrInvalid) is about the next one. The events
	// after that one were not looked at and not counted.
	Observe(evs ...Event) (accepted int, err error)
	// Room returns a channel that is closed when the queue has room again.
	Room() <-chan struct{}
}

// Why Observe does not accept an event; ErrInvalid is another.
var (
	// ErrFull: the queue is at its bound. The event is counted as dropped.
	ErrFull = errors.New("event queue full")
	// ErrClosed: the engine was closed. The event is not counted.
	ErrClosed = errors.New("event engine closed")
)

// Options are what an engine is made with.
type Options struct {
	// Dir is the directory of the spool, which must exist (0700); "" keeps
	// events in memory only.
	Dir string
	// Handler gets the composites; nil means that history and followers are
	// all.
	Handler Handler
	// Settings may be changed later; the zero value means DefaultSettings.
	Settings Settings
	// After is the highest sequence number that was ever seen elsewhere (the
	// store knows), and AfterNumber the highest number of a composite: an
	// engine that lost its spool goes on above them.
	After, AfterNumber uint64
	// Composites is the end of the stored history, oldest first, to begin the
	// composites in memory with.
	Composites []Composite
	// Logger gets what operators must know; nil discards it.
	Logger *slog.Logger
}

// An Engine is the queue. All methods may be called by any number of
// goroutines; Run by one.
type Engine struct {
	log     *slog.Logger
	handler Handler
	spool   *spool
	wake    chan struct{} // the dispatcher is to look again

	mu       sync.Mutex
	settings Settings
	ledger   *ledger
	rate     *rateMeter
	closed   bool
	running  bool
	resumed  map[string]bool // sources whose changes are kept
	due      [domainCount]dueTimes
	hands    handling
	finished *ring[Composite]

	// Group commit: whoever needs its records written writes all that are
	// buffered, while the others wait or fill the next buffer.
	buffer, spare []byte
	buffered      uint64 // commits asked for
	committed     uint64 // commits done
	committing    bool
	commitDone    *sync.Cond
	published     uint64 // highest seq that followers may see

	room      chan struct{} // closed when there is room; nil when nobody asked
	news      chan struct{} // closed at the next publication; nil when nobody waits
	goneBy    [domainCount]uint64
	unwritten bool // the buffer holds records
}

// New opens the spool, takes up what was pending, and returns an engine that
// accepts events; Run hands them over. It fails only for wrong options: a
// spool in trouble is in Status.
func New(o Options) (*Engine, error) {
	if o.Settings == (Settings{}) {
		o.Settings = DefaultSettings()
	}
	if err := o.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("cannot make an event engine: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	now := time.Now()
	e := &Engine{
		log: o.Logger, handler: o.Handler, settings: o.Settings,
		wake: make(chan struct{}, 1), rate: newRateMeter(now), ledger: newLedger(o.Settings.History),
		resumed: map[string]bool{},
	}
	e.commitDone = sync.NewCond(&e.mu)
	if o.Dir != "" {
		e.spool = openSpool(o.Dir, e.ledger, e.log)
	}
	l := e.ledger
	if o.After > l.lastSeq || o.AfterNumber > l.lastNumber {
		l.lastSeq = max(l.lastSeq, o.After)
		l.lastNumber = max(l.lastNumber, o.AfterNumber)
		e.spool.begin() // the jump is no loss: only a checkpoint says so
	}
	e.published = l.lastSeq
	e.finished = newRing(o.Settings.History, historyBytes, (*Composite).weight)
	for _, c := range o.Composites {
		e.finished.push(c.Number, c)
	}
	for i := range l.waiting {
		if l.waiting[i].Count > 0 {
			e.due[i].first = now
		}
	}
	return e, nil
}

// observeChunk bounds what one call puts into the buffer at once.
const observeChunk = 256

// Observe accepts events: when it returns, they are written to the spool. See
// [Sink].
func (e *Engine) Observe(evs ...Event) (accepted int, err error) {
	return e.observeChanges(evs, nil)
}

// observeChanges implements changeSink.
func (e *Engine) observeChanges(evs []Event, changes [][]change) (accepted int, err error) {
	for len(evs) > 0 && err == nil {
		n := min(len(evs), observeChunk)
		var took int
		took, err = e.observe(evs[:n], changes)
		accepted += took
		evs, changes = evs[n:], changes[min(n, len(changes)):]
	}
	return accepted, err
}

func (e *Engine) observe(evs []Event, changes [][]change) (accepted int, err error) {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	wake := false
	for i := range evs {
		if e.closed {
			err = ErrClosed
			break
		}
		ev := evs[i]
		if err = ev.normalize(now.UTC()); err != nil {
			break
		}
		ev.Seq = 0
		domain := ev.Domain.index()
		e.rate.add(now, 1)
		if !e.ledger.admit(&ev, &e.settings) {
			e.ledger.drop(domain, 1)
			e.goneBy[domain]++
			e.unwritten = true
			err = ErrFull
			break
		}
		if e.ledger.waiting[domain].Count == 0 {
			e.due[domain].first = now
			wake = true
		}
		e.ledger.accept(&ev)
		var moved []change
		if i < len(changes) && e.resumed[ev.Source] {
			moved = changes[i]
			e.ledger.note(ev.Source, ev.Seq, moved)
		}
		if e.spool != nil {
			e.buffer = appendEventRecord(e.buffer, &ev, moved)
		}
		e.unwritten = true
		accepted++
	}
	e.commitLocked()
	if wake {
		e.wakeUp()
	}
	return accepted, err
}

func (e *Engine) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// commitLocked returns when all that is buffered now is written (or known not
// to be writable). It lets go of the lock while it writes.
func (e *Engine) commitLocked() {
	if !e.unwritten && !e.committing {
		return
	}
	if e.unwritten {
		e.buffered++
		e.unwritten = false
	}
	for ticket := e.buffered; e.committed < ticket; {
		if e.committing {
			e.commitDone.Wait()
			continue
		}
		e.commitOnceLocked()
	}
}

func (e *Engine) commitOnceLocked() {
	ticket, upTo := e.buffered, e.ledger.lastSeq
	for i, n := range e.goneBy { // drops are counted between commits and written once
		if n > 0 && e.spool != nil {
			e.buffer = appendDropRecord(e.buffer, i, n)
		}
		e.goneBy[i] = 0
	}
	e.unwritten = false
	records := e.buffer
	step := e.spool.plan(len(records), time.Now())
	if step == planSucceed {
		// The checkpoint holds what the buffered records say.
		records = appendCheckpointRecord(records[:0], e.ledger)
	}
	e.buffer = e.spare[:0]
	e.committing = true
	if step != planNothing {
		e.mu.Unlock()
		if step == planAppend {
			e.spool.append(records)
		} else {
			e.spool.succeed(records)
		}
		e.mu.Lock()
	}
	e.committing = false
	if cap(records) > 1<<20 { // a checkpoint; do not keep its size for ever
		records = nil
	}
	e.spare = records
	e.committed = ticket
	if upTo > e.published {
		e.published = upTo
		e.publishLocked()
	}
	e.commitDone.Broadcast()
}

func (e *Engine) publishLocked() {
	if e.news != nil {
		close(e.news)
		e.news = nil
	}
}

// Room returns a channel that is closed when the queue has room again: at
// most three quarters of the bound. When it has now, the channel is closed
// already.
func (e *Engine) Room() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.room == nil {
		e.room = make(chan struct{})
	}
	c := e.room
	e.roomLocked()
	return c
}

func (e *Engine) roomLocked() {
	l, s := e.ledger, &e.settings
	if e.room == nil || (l.causes+l.held)*4 > s.QueueLimit*3 || (l.bytes+l.heldSize)*4 > s.QueueBytes*3 {
		return
	}
	close(e.room)
	e.room = nil
}

// SetSettings changes the settings at once. Nothing is lost: what waits
// beyond a lower bound stays, and new waits count from the old first event.
func (e *Engine) SetSettings(s Settings) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("cannot change the event settings: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settings = s
	e.ledger.history.resize(s.History)
	e.finished.resize(s.History)
	e.roomLocked()
	e.wakeUp()
	return nil
}

// Close ends the engine: Observe refuses from now on, followers end after what
// they have not read, the spool is synced and let go. Run must have returned.
func (e *Engine) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	e.commitLocked()
	e.publishLocked()
	e.mu.Unlock()
	e.spool.close()
}
