package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a store. The zero value of each field means its default.
type Options struct {
	MaxSize     int64            // bound of the file; 64 MiB, at least 1 MiB
	MaxPending  int64            // bound of what waits in memory; 4 MiB
	CommitEvery time.Duration    // how long something may wait; one minute
	Now         func() time.Time // the clock; time.Now
}

const (
	defaultMaxSize     = 64 << 20
	leastMaxSize       = 1 << 20
	defaultMaxPending  = 4 << 20
	defaultCommitEvery = time.Minute
	commitBound        = 20 * time.Second // one commit, retention included
	queryBound         = 5 * time.Second
	lossMatters        = 24 * time.Hour // how long a loss is a trouble
)

func (o Options) withDefaults() (Options, error) {
	if o.MaxSize == 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.MaxPending == 0 {
		o.MaxPending = defaultMaxPending
	}
	if o.CommitEvery == 0 {
		o.CommitEvery = defaultCommitEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxSize < leastMaxSize || o.MaxPending < 0 || o.CommitEvery < 0 {
		return o, fmt.Errorf("cannot open the store: its size must be at least %d bytes, other bounds not negative", leastMaxSize)
	}
	return o, nil
}

// Store is the memory of the daemon. Its methods may be called concurrently.
// Those that hand something in never wait for the disk.
type Store struct {
	opt Options
	dir string

	mu       sync.Mutex
	waiting  *batch // what the writer has not taken yet
	inflight *batch // what it is writing
	live     *gauges
	db       *database // nil while the store runs in memory
	trouble  *Trouble  // why it does, or why the last commit failed
	notes    []Trouble // what was set aside since the start
	stats    Stats
	closed   bool

	lostFirst, lostLast time.Time // when history was given up for a bound

	claim *claim // the writer's, as is all work on db but reading

	urgent  chan struct{}        // something must not wait
	arm     chan struct{}        // something waits: start the clock
	armed   atomic.Bool          // it runs
	flushes chan chan<- error    // callers of Flush
	stop    chan context.Context // Close
	done    chan struct{}
}

// Stats is what the store counts since its start.
type Stats struct {
	InMemory   bool   // no database is in use
	Path       string // of the database
	FileBytes  int64  // on disk, log included
	Waiting    int    // rows not committed yet
	WaitBytes  int64  // about what they take in memory
	Commits    uint64
	Failed     uint64 // commits that failed; what they held was kept
	LastCommit time.Time
	Writing    time.Time // since when the writer is at the disk; zero when it is not

	LostSamples uint64 // given up for the bound on memory, or too late to roll up
	LostEvents  uint64
	LostRecords uint64 // findings, receipts, operations, states
	Refused     uint64 // readings of more series than are kept
	GaveUpRows  uint64 // rows deleted before their time for the bound on the file
	SetAside    uint64 // databases set aside as damaged
}

// Open opens the store in dir, which is made if need be, and starts its
// writer. What is wrong with the directory or the database is no error but a
// Trouble: the store then runs in memory. An empty dir means memory only. The
// error is one of the options.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		opt: opt, dir: dir, waiting: newBatch(1), live: newGauges(),
		urgent: make(chan struct{}, 1), arm: make(chan struct{}, 1),
		flushes: make(chan chan<- error), stop: make(chan context.Context), done: make(chan struct{}),
	}
	s.attach(ctx)
	go s.write()
	return s, nil
}

// Flush waits until everything handed in so far is on disk, and tells why when
// it cannot be put there.
func (s *Store) Flush(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case s.flushes <- answer:
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errClosed = errors.New("the store is closed")

// Close commits what waits, closes the database and gives the directory back.
// It may be called more than once. What is handed in afterwards is not taken.
func (s *Store) Close(ctx context.Context) error {
	select {
	case s.stop <- ctx:
		<-s.done
	case <-s.done:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rows := s.waiting.rows(); rows > 0 && s.dir != "" {
		why := "the store was closed too soon"
		if s.trouble != nil {
			why = s.trouble.Why
		}
		return fmt.Errorf("cannot save the last %d rows of history: %s", rows, why)
	}
	return nil
}

// Trouble returns what is wrong with the store now, and what was set aside
// since the start. An empty list is health.
func (s *Store) Trouble() []Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.notes)
	if s.trouble != nil {
		list = append(list, *s.trouble)
	}
	if !s.lostLast.IsZero() && s.opt.Now().Sub(s.lostLast) < lossMatters {
		list = append(list, Trouble{
			Kind: Losing, Since: s.lostFirst,
			What: fmt.Sprintf("%d rows of history could not be kept.", s.stats.LostSamples+s.stats.LostEvents+s.stats.LostRecords),
			Why:  "they waited in memory for the disk longer than the bound allows, or came too late",
			Fix:  "Mend what keeps the database from being written; see the other findings of the store.",
		})
	}
	return list
}

// SetMaxSize bounds the file anew, from the next commit on. A file that is
// larger gives up its oldest history at the next tidying.
func (s *Store) SetMaxSize(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.MaxSize = max(size, leastMaxSize)
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting, st.WaitBytes = s.waiting.rows(), s.waiting.bytes
	if s.inflight != nil {
		st.Waiting += s.inflight.rows()
		st.WaitBytes += s.inflight.bytes
	}
	st.InMemory = s.db == nil
	if s.db != nil {
		st.Path, st.FileBytes = s.db.path, s.db.bytes()
	}
	return st
}

// Writing is since when the writer is at the disk; zero when it is not.
func (s *Store) Writing() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Writing
}

// hand puts something into the waiting batch and wakes the writer as far as
// needed.
func (s *Store) hand(urgent bool, put func(b *batch)) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	put(s.waiting)
	s.bound()
	s.mu.Unlock()
	if !urgent {
		s.wait()
		return
	}
	select {
	case s.urgent <- struct{}{}:
	default: // it is awake already
	}
}

// save hands a record in. One that is urgent is committed at once, and so that
// a power cut cannot take it back.
func (s *Store) save(urgent bool, r record) {
	r.size += int64(rowBytes + len(r.key))
	s.hand(urgent, func(b *batch) {
		b.put(r)
		b.durable = b.durable || urgent
	})
}

// wait has what waits written when its time has come. It wakes the writer only
// where that is not waiting for a time already.
func (s *Store) wait() {
	if s.armed.Load() {
		return
	}
	select {
	case s.arm <- struct{}{}:
	default:
	}
}

// bound keeps what waits below its bound and counts what it gives up: samples
// first, then events, the oldest of each, and records last.
func (s *Store) bound() {
	s.lose(s.waiting.trim(s.opt.MaxPending))
}

// lose counts what was given up.
func (s *Store) lose(lost losses) {
	if lost == (losses{}) {
		return
	}
	s.lostLast = s.opt.Now()
	if s.lostFirst.IsZero() {
		s.lostFirst = s.lostLast
	}
	s.stats.LostSamples += lost.samples
	s.stats.LostEvents += lost.events
	s.stats.LostRecords += lost.records
}

// view returns what a query must see beside the database, and the database.
// Both are taken at once, what waits first: a commit in between then shows a
// row twice, never not at all.
func (s *Store) view(read func(b *batch)) *database {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inflight != nil {
		read(s.inflight)
	}
	read(s.waiting)
	return s.db
}
