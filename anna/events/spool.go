package events

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A SpoolState says where accepted events are kept.
type SpoolState string

const (
	// SpoolOff: the engine was given no state directory.
	SpoolOff SpoolState = "off"
	// SpoolOK: accepted events outlive the process.
	SpoolOK SpoolState = "ok"
	// SpoolMemory: the file cannot be written (Reason); accepted events are in
	// memory only, until the next attempt succeeds. Nothing else changes.
	SpoolMemory SpoolState = "memory"
	// SpoolForeign: another process holds the spool. This engine keeps to
	// memory for its whole life and leaves the files alone.
	SpoolForeign SpoolState = "foreign"
)

// SpoolStatus is the state of the spool, for a finding.
type SpoolStatus struct {
	State  SpoolState `json:"state"`
	Reason string     `json:"reason,omitempty"`
	Since  time.Time  `json:"since"`
	Bytes  int64      `json:"bytes"`
	// Failures counts failed writes, syncs and attempts to begin a file.
	Failures uint64 `json:"failures"`
	// TornBytes were cut off the end at the start: a record that was being
	// written when the process died, never accepted.
	TornBytes int64 `json:"torn_bytes"`
	// Damaged counts records that were skipped because their checksum or
	// content was wrong; the events among them are counted as dropped.
	Damaged uint64 `json:"damaged"`
	// SetAside names a spool that could not be read at all and was renamed.
	SetAside string `json:"set_aside,omitempty"`
}

const (
	spoolMagic    = "anna events 2\n\x00\x00"
	segmentBytes  = 4 << 20          // a segment is succeeded at this size,
	segmentGrowth = 4                // or at this many times its checkpoint
	segmentMost   = 256 << 20        // larger than any spool of ours: not read
	syncInterval  = time.Second      // least time between two syncs
	retryFirst    = time.Second      // after trouble, attempts double their
	retryLast     = 30 * time.Second // distance up to this
)

// A spool is the files. Its write side (append, succeed) is called by one
// goroutine at a time; the syncer and Status run beside it.
//
// A segment begins with a checkpoint of the ledger, so a new one makes all
// older ones superfluous: they are removed once the new one is synced. At most
// two exist but for moments, which bounds the spool.
type spool struct {
	path string
	log  *slog.Logger
	dir  *spoolDir // nil until it could be opened

	mu       sync.Mutex
	status   SpoolStatus
	current  *segment
	retired  []*segment // older first; retired[0] was synced, or nothing was
	nextTry  time.Time
	distance time.Duration
	renew    bool // begin a new segment at the next write

	wake   chan struct{} // something is to be synced
	stop   chan struct{}
	synced sync.WaitGroup
}

type segment struct {
	file       *os.File
	generation uint64
	size       int64
	checkpoint int64
}

// openSpool opens the spool in the directory path and replays it on l. It
// fails never: what is wrong is in the status.
func openSpool(path string, l *ledger, log *slog.Logger) *spool {
	s := &spool{path: path, log: log, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	s.status = SpoolStatus{State: SpoolOK, Since: time.Now()}
	dir, err := openSpoolDir(path)
	switch {
	case errors.Is(err, errForeign):
		s.status.State, s.status.Reason = SpoolForeign, err.Error()
		return s
	case err != nil:
		s.trouble(err)
	default:
		s.dir = dir
		s.recover(l)
	}
	s.synced.Go(s.syncLoop)
	return s
}

// plan says what the next write must be.
type plan int

const (
	planNothing plan = iota // memory only
	planAppend
	planSucceed // begin a new segment with a checkpoint
)

func (s *spool) plan(n int, now time.Time) plan {
	if s == nil {
		return planNothing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.status.State == SpoolForeign:
		return planNothing
	case s.status.State == SpoolMemory:
		if now.Before(s.nextTry) {
			return planNothing
		}
		return planSucceed
	case s.current == nil || s.renew:
		return planSucceed
	case s.current.size+int64(n) > max(segmentBytes, segmentGrowth*s.current.checkpoint):
		return planSucceed
	}
	return planAppend
}

// retryIn says how long until a spool in trouble is to be tried again; ok is
// false when there is none.
func (s *spool) retryIn(now time.Time) (d time.Duration, ok bool) {
	if s == nil {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.nextTry.Sub(now), 0), s.status.State == SpoolMemory
}

// append writes sealed records.
func (s *spool) append(records []byte) {
	seg := s.current
	n, err := seg.file.Write(records)
	s.mu.Lock()
	seg.size += int64(n)
	s.status.Bytes = s.bytesLocked()
	s.mu.Unlock()
	if err != nil {
		s.trouble(fmt.Errorf("cannot write the event spool in %s: %w", s.path, err))
		return
	}
	s.dirty()
}

// succeed begins a new segment with a sealed checkpoint.
func (s *spool) succeed(checkpoint []byte) {
	if s.dir == nil {
		dir, err := openSpoolDir(s.path)
		if err != nil {
			s.trouble(err)
			return
		}
		// What lies there was not replayed and must not be mistaken for ours.
		s.dir = dir
		for _, generation := range dir.generations() {
			s.setAside(generation, errors.New("it could not be read when the daemon started"))
		}
	}
	s.mu.Lock()
	generation := s.dir.next
	s.mu.Unlock()
	file, err := s.dir.create(generation)
	if err == nil {
		_, err = io.WriteString(file, spoolMagic)
		if err == nil {
			_, err = file.Write(checkpoint)
		}
		if err != nil {
			file.Close()
			s.dir.remove(generation)
		}
	}
	if err != nil {
		s.trouble(fmt.Errorf("cannot begin an event spool in %s: %w", s.path, err))
		return
	}
	size := int64(len(spoolMagic) + len(checkpoint))
	s.mu.Lock()
	s.dir.next = generation + 1
	if s.current != nil {
		s.retired = append(s.retired, s.current)
	}
	for len(s.retired) > 1 { // those between the last synced one and this
		s.removeLocked(s.retired[1])
		s.retired = append(s.retired[:1], s.retired[2:]...)
	}
	s.current = &segment{file: file, generation: generation, size: size, checkpoint: size}
	s.renew = false
	recovered := s.status.State == SpoolMemory
	if recovered {
		s.status.State, s.status.Reason, s.status.Since = SpoolOK, "", time.Now()
		s.distance = 0
	}
	s.status.Bytes = s.bytesLocked()
	s.mu.Unlock()
	if recovered {
		s.log.Info("event spool writable again", "dir", s.path)
	}
	s.dirty()
}

func (s *spool) removeLocked(seg *segment) {
	seg.file.Close()
	s.dir.remove(seg.generation)
}

func (s *spool) bytesLocked() int64 {
	var n int64
	if s.current != nil {
		n = s.current.size
	}
	for _, seg := range s.retired {
		n += seg.size
	}
	return n
}

// trouble notes a failure: events stay in memory until the next attempt.
func (s *spool) trouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Failures++
	now := time.Now()
	if s.status.State != SpoolMemory {
		s.status.State, s.status.Since = SpoolMemory, now
		s.log.Warn("event spool not writable: accepted events are in memory only", "error", err)
	}
	s.status.Reason = err.Error()
	s.distance = min(max(2*s.distance, retryFirst), retryLast)
	s.nextTry = now.Add(s.distance)
}

// begin makes the next write a new segment.
func (s *spool) begin() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew = true
}

func (s *spool) dirty() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// syncLoop syncs what was written, at most once a second, off the way of the
// events. It sleeps while nothing is written.
func (s *spool) syncLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		timer.Reset(syncInterval)
		select {
		case <-timer.C:
		case <-s.stop:
			return
		}
		s.sync()
	}
}

// sync makes the current segment last and then removes the older ones.
func (s *spool) sync() {
	s.mu.Lock()
	seg, renewed := s.current, len(s.retired) > 0
	s.mu.Unlock()
	if seg == nil {
		return
	}
	err := seg.file.Sync()
	if err == nil && renewed {
		err = s.dir.sync()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, os.ErrClosed) {
		return // succeeded meanwhile, and its successor is dirty
	}
	if err != nil {
		// The kernel forgets after saying it once: only a new file is sure.
		s.status.Failures++
		s.renew = true
		s.log.Warn("cannot sync the event spool: a new one will be begun", "dir", s.path, "error", err)
		return
	}
	keep := s.retired[:0]
	for _, old := range s.retired {
		if old.generation < seg.generation {
			s.removeLocked(old)
		} else {
			keep = append(keep, old)
		}
	}
	s.retired = keep
	s.status.Bytes = s.bytesLocked()
}

func (s *spool) snapshot() SpoolStatus {
	if s == nil {
		return SpoolStatus{State: SpoolOff}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// trySnapshot is false where the lock is held.
func (s *spool) trySnapshot() (SpoolStatus, bool) {
	if s == nil {
		return SpoolStatus{State: SpoolOff}, true
	}
	if !s.mu.TryLock() {
		return SpoolStatus{}, false
	}
	defer s.mu.Unlock()
	return s.status, true
}

// close syncs, lets go of the files and of the lock.
func (s *spool) close() {
	if s == nil {
		return
	}
	close(s.stop)
	s.synced.Wait()
	s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seg := range s.retired {
		seg.file.Close()
	}
	if s.current != nil {
		s.current.file.Close()
	}
	if s.dir != nil {
		s.dir.close()
	}
}

// errForeign is the cause of not getting the lock.
var errForeign = errors.New("another process holds it")

func isLocked(err error) bool { return errors.Is(err, unix.EWOULDBLOCK) }
