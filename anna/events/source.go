package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// A Source watches one part of the machine by the kernel's notices.
type Source interface {
	// Name is one word; it is also Event.Source.
	Name() string
	// Run watches until ctx ends (nil) or it cannot go on (an error; it may be
	// run again). Only one Run at a time.
	Run(ctx context.Context, sink Sink) error
	// Save returns, as JSON, what was last reported; Load takes it back before
	// Run, which then reports the differences as catch-up events. Without
	// Load, Run begins with what it finds and reports nothing.
	Save() ([]byte, error)
	Load(data []byte) error
	// Changed receives something when Save would return something new.
	Changed() <-chan struct{}
	// Status may be called at any time.
	Status() SourceStatus
}

// A SourceState is how a source does, in the words of capabilities.
type SourceState string

// The states of a source.
const (
	SourceStopped  SourceState = "stopped"  // not run
	SourceRunning  SourceState = "running"  // sees everything
	SourceDegraded SourceState = "degraded" // sees part (Reason)
	SourceFailed   SourceState = "failed"   // ended (Reason); tried again
	SourceAbsent   SourceState = "absent"   // nothing here to watch (Reason); seen when it comes
)

// SourceStatus is what is known about a source.
type SourceStatus struct {
	Name   string      `json:"name"`
	State  SourceState `json:"state"`
	Reason string      `json:"reason,omitempty"`
	Since  time.Time   `json:"since"`
	// Events counts accepted events of this process.
	Events uint64 `json:"events"`
	// Overflows counts the kernel's notices that it lost some, and Refused the
	// events that found the queue full. After either the source reads its state
	// again (Rereads).
	Overflows uint64 `json:"overflows"`
	Refused   uint64 `json:"refused"`
	Rereads   uint64 `json:"rereads"`
	// Failures counts ended runs, FailuresLastHour the recent ones (64 at most).
	Failures         uint64 `json:"failures"`
	FailuresLastHour int    `json:"failures_last_hour"`
}

// health is the part of a source that keeps its status.
type health struct {
	mu     sync.Mutex
	status SourceStatus
	failed []time.Time
}

func (h *health) set(state SourceState, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status.State != state || h.status.Reason != reason {
		h.status.State, h.status.Reason, h.status.Since = state, reason, time.Now()
	}
}

func (h *health) count(field func(*SourceStatus) *uint64, n uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*field(&h.status) += n
}

func overflows(s *SourceStatus) *uint64 { return &s.Overflows }
func refused(s *SourceStatus) *uint64   { return &s.Refused }
func rereads(s *SourceStatus) *uint64   { return &s.Rereads }
func eventsIn(s *SourceStatus) *uint64  { return &s.Events }

const failuresKept = 64

// guard runs a source and notes how it ended, a panic too.
func (h *health) guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
		err = h.end(err)
	}()
	return run()
}

// end notes how a run ended and returns its error.
func (h *health) end(err error) error {
	if err == nil {
		h.set(SourceStopped, "")
		return nil
	}
	h.set(SourceFailed, err.Error())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status.Failures++
	h.failed = append(h.failed, time.Now())
	if len(h.failed) > failuresKept {
		h.failed = h.failed[1:]
	}
	return err
}

// Status implements [Source].
func (h *health) Status() SourceStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.status
	for _, at := range h.failed {
		if time.Since(at) < time.Hour {
			s.FailuresLastHour++
		}
	}
	return s
}

// A panicError is a panic of a source. The stack is for the log alone.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// A Runner keeps a source running and its state saved.
type Runner struct {
	Source Source
	Sink   Sink
	// State keeps the source's state over restarts; nil keeps none.
	State *StateDir
	// Logger gets failures; nil discards them.
	Logger *slog.Logger
}

const (
	saveDelay    = 100 * time.Millisecond // between two saves, however much changes
	restartFirst = time.Second
	restartLast  = time.Minute
)

// Run loads the state, runs the source, again after growing pauses when it
// fails or panics, and returns when ctx ends, with the state saved.
//
// The first change after a pause is saved at once, and while changes go on the
// state is saved ten times a second. What an [Engine] accepted in between is in
// its spool together with what the source has reported by it: after a kill
// nothing is told twice and nothing is missed.
func (r *Runner) Run(ctx context.Context) {
	log := r.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("source", r.Source.Name())
	r.load(log)
	saving := make(chan struct{})
	go func() {
		defer close(saving)
		r.saveLoop(ctx, log)
	}()
	pause := restartFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := r.runOnce(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if time.Since(began) > restartLast {
			pause = restartFirst
		}
		var p *panicError
		if errors.As(err, &p) {
			log.Error("event source panicked", "panic", p.value, "stack", string(p.stack))
		}
		log.Warn("event source failed", "error", err, "again_in", pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, restartLast)
	}
	<-saving
	r.save(log)
}

func (r *Runner) runOnce(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	return r.Source.Run(ctx, r.Sink)
}

func (r *Runner) saveLoop(ctx context.Context, log *slog.Logger) {
	var saved time.Time
	for {
		select {
		case <-r.Source.Changed():
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(saveDelay - time.Since(saved)) // at once after a pause
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		r.save(log)
		saved = time.Now()
	}
}

func (r *Runner) load(log *slog.Logger) {
	if r.State == nil {
		return
	}
	name := r.Source.Name()
	data, err := r.State.Load(name)
	if err == nil && data != nil {
		err = r.Source.Load(data)
	}
	if err != nil {
		log.Warn("saved state of an event source not usable: it begins anew", "error", err)
	}
	sink, keeps := r.Sink.(changeSink)
	source, takes := r.Source.(replayer)
	if !keeps || !takes {
		return
	}
	changes := sink.resume(name)
	if err != nil || data == nil { // nothing to put them over
		sink.forget(name, allOf)
		return
	}
	if err := source.replay(changes); err != nil {
		log.Warn("what an event source reported last is not usable: it may be reported twice", "error", err)
	}
}

// A replayer is a source that takes the changes which a saved state lacks.
type replayer interface {
	replay(changes []change) error
}

func (r *Runner) save(log *slog.Logger) {
	if r.State == nil {
		return
	}
	sink, keeps := r.Sink.(changeSink)
	var upTo uint64
	if keeps {
		upTo = sink.lastAccepted() // before Save, which holds all of these
	}
	data, err := r.Source.Save()
	if err == nil && data != nil {
		err = r.State.Save(r.Source.Name(), data)
	}
	switch {
	case err != nil:
		log.Warn("cannot save the state of an event source", "error", err)
	case keeps && data != nil:
		sink.forget(r.Source.Name(), upTo)
	}
}
