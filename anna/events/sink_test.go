package events

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// collector is a sink that keeps what it gets and can be full.
type collector struct {
	mu   sync.Mutex
	evs  []Event
	full bool
	room chan struct{}
}

func (c *collector) Observe(evs ...Event) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full {
		return 0, ErrFull
	}
	c.evs = append(c.evs, evs...)
	return len(evs), nil
}

func (c *collector) Room() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := make(chan struct{})
	if c.full {
		c.room = ch
	} else {
		close(ch)
	}
	return ch
}

func (c *collector) setFull(full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.full = full
	if !full && c.room != nil {
		close(c.room)
		c.room = nil
	}
}

// lines are "kind subject", with " (late)" for catch-up.
func (c *collector) lines() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for _, ev := range c.evs {
		line := ev.Kind + " " + ev.Subject
		if ev.CatchUp {
			line += " (late)"
		}
		list = append(list, line)
	}
	return list
}

func (c *collector) last() Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evs[len(c.evs)-1]
}

func (c *collector) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.evs = nil
}

// wait waits until every wanted line came, and returns all.
func (c *collector) wait(t *testing.T, wanted ...string) []string {
	t.Helper()
	eventually(t, func() error {
		got := c.lines()
		for _, w := range wanted {
			if !contains(got, w) {
				return fmt.Errorf("no %q in:\n%s", w, strings.Join(got, "\n"))
			}
		}
		return nil
	})
	return c.lines()
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// eventually tries until it succeeds, for as long as a busy machine may need.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	var err error
	for range 1000 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(err)
}

// startAny runs a source that may have nothing to see yet.
func startAny(t *testing.T, s Source, sink Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx, sink); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// start runs a source until stop, which returns its error.
func start(t *testing.T, s Source, sink Sink) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- s.Run(ctx, sink) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-result })
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() error {
		if st := s.Status(); st.State != SourceRunning && st.State != SourceDegraded {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	return stop
}
