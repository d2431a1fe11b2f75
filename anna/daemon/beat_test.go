package daemon

import (
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

func newTestBeat(t *testing.T, every time.Duration) *beat {
	t.Helper()
	b, err := newBeat(every)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	return b
}

// soon fails the test unless f returns; what it waits for takes milliseconds.
func soon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal(what)
	}
}

func TestBeat(t *testing.T) {
	b := newTestBeat(t, 5*time.Millisecond)
	began := time.Now()
	soon(t, "it does not beat", func() {
		for range 5 {
			if !b.wait() {
				t.Error("it was not stopped")
			}
		}
	})
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("five beats of 5 ms within %s", took)
	}
}

func TestBeatChangesAtOnce(t *testing.T) {
	b := newTestBeat(t, time.Hour)
	soon(t, "it waits for the beat that was", func() {
		go func() {
			time.Sleep(10 * time.Millisecond) // rather while it waits
			if err := b.every(time.Millisecond); err != nil {
				t.Error(err)
			}
		}()
		b.wait()
	})
}

func TestBeatStops(t *testing.T) {
	b := newTestBeat(t, time.Hour)
	soon(t, "it does not end", func() {
		time.AfterFunc(10*time.Millisecond, b.stop)
		for b.wait() {
		}
	})
	if b.wait() || b.every(time.Second) == nil {
		t.Error("it is not over")
	}
}

// TestIntervalHoldsAtOnce holds that a daemon that looks at itself rarely does
// not sleep through the reload that tells it otherwise.
func TestIntervalHoldsAtOnce(t *testing.T) {
	r := newRig(t, calm+"[health]\ninterval = \"60s\"\n")
	r.write(calm + "[health]\ninterval = \"1s\"\n")
	r.load(config.Applied)
	turned := *r.keeper.turns.Load()
	soon(t, "it looks as rarely as before", func() {
		for r.keeper.turns.Load().Equal(turned) {
			time.Sleep(10 * time.Millisecond)
		}
	})
}
