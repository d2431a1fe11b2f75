package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// A tracker holds what a source last reported of each of its subjects, and
// turns what the source sees now into events. What it holds advances only with
// events that were accepted, so that nothing is missed, whatever the queue
// refused. (Where one change is two events and the queue takes only the first,
// that one is told again.)
type tracker[T comparable] struct {
	health
	// describe says what happened when a subject went from old to now; either
	// may be nil, for not there. No events means nothing worth telling.
	describe func(key string, old, now *T, catchUp bool) []Event
	// valid refuses entries of a saved state.
	valid func(key string, v T) error

	// moving is held from before an event is accepted until reported says so:
	// a saved state holds all or nothing of it.
	moving sync.Mutex

	mu       sync.Mutex
	reported map[string]T
	begun    bool // reported means something
	// scope is what reported was about, where that can be configured: what
	// comes into it later is looked at for the first time.
	scope   []string
	changed chan struct{}
}

// init is called once, by the constructor of the source.
func (t *tracker[T]) init(name string) {
	t.status = SourceStatus{Name: name, State: SourceStopped}
	t.reported = map[string]T{}
	t.changed = make(chan struct{}, 1)
}

// Name implements [Source].
func (t *tracker[T]) Name() string { return t.status.Name }

// Changed implements [Source].
func (t *tracker[T]) Changed() <-chan struct{} { return t.changed }

func (t *tracker[T]) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *tracker[T]) get(key string) *T {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok := t.reported[key]; ok {
		return &v
	}
	return nil
}

// A step is what one subject is now; nil for not there.
type step[T comparable] struct {
	key string
	now *T
}

// A move is the events that tell of some steps.
type move[T comparable] struct {
	evs   []Event
	steps []step[T]
}

// update reports one subject. ErrFull means that it is still to be reported.
func (t *tracker[T]) update(sink Sink, key string, now *T, catchUp bool) error {
	return t.commit(sink, catchUp, t.moveOf(nil, step[T]{key, now}, catchUp))
}

// moveOf appends what happened to one subject, if anything did.
func (t *tracker[T]) moveOf(moves []move[T], s step[T], catchUp bool) []move[T] {
	old := t.get(s.key)
	if old == nil && s.now == nil || old != nil && s.now != nil && *old == *s.now {
		return moves
	}
	return append(moves, move[T]{t.describe(s.key, old, s.now, catchUp), []step[T]{s}})
}

// commit reports moves in their order and takes those over that were accepted
// as a whole.
func (t *tracker[T]) commit(sink Sink, catchUp bool, moves []move[T]) error {
	for chunk := range slices.Chunk(moves, observeChunk) {
		if err := t.commitSome(sink, catchUp, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (t *tracker[T]) commitSome(sink Sink, catchUp bool, moves []move[T]) error {
	t.moving.Lock()
	defer t.moving.Unlock()
	keeper, keeps := sink.(changeSink)
	var evs []Event
	var changes [][]change
	for _, m := range moves {
		for i := range m.evs {
			m.evs[i].Source, m.evs[i].CatchUp = t.status.Name, catchUp
		}
		evs = append(evs, m.evs...)
		if keeps && len(m.evs) > 0 { // the last event of a move completes it
			changes = append(changes, make([][]change, len(m.evs))...)
			changes[len(changes)-1] = changesOf(m.steps)
		}
	}
	var n int
	var err error
	switch {
	case len(evs) == 0:
	case keeps:
		n, err = keeper.observeChanges(evs, changes)
	default:
		n, err = sink.Observe(evs...)
	}
	t.count(eventsIn, uint64(n))
	if errors.Is(err, ErrFull) {
		t.count(refused, 1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range moves {
		if n -= len(m.evs); n < 0 {
			break
		}
		for _, s := range m.steps {
			if s.now == nil {
				delete(t.reported, s.key)
			} else {
				t.reported[s.key] = *s.now
			}
		}
		t.signal()
	}
	return err
}

func changesOf[T comparable](steps []step[T]) []change {
	list := make([]change, len(steps))
	for i, s := range steps {
		list[i].key = s.key
		if s.now != nil {
			list[i].value, _ = json.Marshal(s.now) // plain data: it cannot fail
		}
	}
	return list
}

// replay puts changes over a loaded state.
func (t *tracker[T]) replay(changes []change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs error
	for _, c := range changes {
		if c.value == nil {
			delete(t.reported, c.key)
			continue
		}
		var v T
		err := json.Unmarshal(c.value, &v)
		if err == nil && t.valid != nil {
			err = t.valid(c.key, v)
		}
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("cannot take over %q: %w", c.key, err))
			continue
		}
		t.reported[c.key] = v
	}
	if len(changes) > 0 {
		t.signal()
	}
	return errs
}

// all reports every difference between what was reported and current.
func (t *tracker[T]) all(sink Sink, current map[string]T, catchUp bool) error {
	t.mu.Lock()
	if !t.begun { // the very first look: nothing to compare with
		t.reported, t.begun = maps.Clone(current), true
		t.signal()
		t.mu.Unlock()
		return nil
	}
	var gone, here []string
	for key := range t.reported {
		if _, still := current[key]; !still {
			gone = append(gone, key)
		}
	}
	for key, v := range current {
		if old, known := t.reported[key]; !known || old != v {
			here = append(here, key)
		}
	}
	t.mu.Unlock()
	slices.Sort(gone)
	slices.Sort(here)
	var moves []move[T]
	for _, key := range gone {
		moves = t.moveOf(moves, step[T]{key, nil}, catchUp)
	}
	for _, key := range here {
		v := current[key]
		moves = t.moveOf(moves, step[T]{key, &v}, catchUp)
	}
	return t.commit(sink, catchUp, moves)
}

// settle reads the state and reports it; while the queue is full it waits for
// room and reads again.
func (t *tracker[T]) settle(ctx context.Context, sink Sink, catchUp bool, read func() (map[string]T, error)) error {
	for {
		current, err := read()
		if err != nil {
			return err
		}
		if err = t.all(sink, current, catchUp); !errors.Is(err, ErrFull) {
			return err
		}
		if err := t.waitRoom(ctx, sink); err != nil {
			return err
		}
		catchUp = true // by now it is late
	}
}

func (t *tracker[T]) waitRoom(ctx context.Context, sink Sink) error {
	select {
	case <-sink.Room():
		t.count(rereads, 1)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// savedState is the JSON of a saved state.
type savedState[T comparable] struct {
	Version int          `json:"version"`
	Source  string       `json:"source"`
	Scope   []string     `json:"scope,omitempty"`
	Seen    map[string]T `json:"seen"`
}

const stateVersion = 1

// Save implements [Source]. It returns nil before the first look.
func (t *tracker[T]) Save() ([]byte, error) {
	t.moving.Lock()
	defer t.moving.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.begun {
		return nil, nil
	}
	return json.Marshal(savedState[T]{stateVersion, t.status.Name, t.scope, t.reported})
}

// Load implements [Source]. What cannot be used changes nothing.
func (t *tracker[T]) Load(data []byte) error {
	if len(data) > maxState {
		return fmt.Errorf("cannot load the state of source %s: %d bytes are too many", t.status.Name, len(data))
	}
	var saved savedState[T]
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(&saved)
	switch {
	case err != nil:
	case saved.Version != stateVersion:
		err = fmt.Errorf("version %d is not %d", saved.Version, stateVersion)
	case saved.Source != t.status.Name:
		err = fmt.Errorf("it is that of %q", saved.Source)
	}
	if err == nil && t.valid != nil {
		for key, v := range saved.Seen {
			if err = t.valid(key, v); err != nil {
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("cannot load the state of source %s: %w", t.status.Name, err)
	}
	if saved.Seen == nil {
		saved.Seen = map[string]T{}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reported, t.begun, t.scope = saved.Seen, true, saved.Scope
	return nil
}
