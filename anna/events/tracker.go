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
type tracker[T any] struct {
	health
	// describe says what happened when a subject went from old to now; either
	// may be nil, for not there. No events means nothing worth telling.
	describe func(key string, old, now *T, catchUp bool) []Event
	// valid refuses entries of a saved state.
	valid func(key string, v T) error

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

func (t *tracker[T]) set1(key string, now *T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now == nil {
		delete(t.reported, key)
	} else {
		t.reported[key] = *now
	}
	t.signal()
}

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

// update reports one subject. ErrFull means that it is still to be reported.
func (t *tracker[T]) update(sink Sink, key string, now *T, catchUp bool) error {
	old := t.get(key)
	if old == nil && now == nil {
		return nil // gone before it was known
	}
	evs := t.describe(key, old, now, catchUp)
	for i := range evs {
		evs[i].Source, evs[i].CatchUp = t.status.Name, catchUp
	}
	if len(evs) > 0 {
		n, err := sink.Observe(evs...)
		t.count(eventsIn, uint64(n))
		if err != nil {
			if errors.Is(err, ErrFull) {
				t.count(refused, 1)
			}
			return err
		}
	}
	t.set1(key, now)
	return nil
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
	gone := make([]string, 0)
	for key := range t.reported {
		if _, still := current[key]; !still {
			gone = append(gone, key)
		}
	}
	t.mu.Unlock()
	slices.Sort(gone)
	for _, key := range gone {
		if err := t.update(sink, key, nil, catchUp); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(current)) {
		v := current[key]
		if err := t.update(sink, key, &v, catchUp); err != nil {
			return err
		}
	}
	return nil
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
type savedState[T any] struct {
	Version int          `json:"version"`
	Source  string       `json:"source"`
	Scope   []string     `json:"scope,omitempty"`
	Seen    map[string]T `json:"seen"`
}

const stateVersion = 1

// Save implements [Source]. It returns nil before the first look.
func (t *tracker[T]) Save() ([]byte, error) {
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
