package events

import (
	"sync"
	"testing"
)

// TestTryStatusWaitsForNobody holds that a status is given where it can be, and
// that nobody waits for one where it cannot.
func TestTryStatusWaitsForNobody(t *testing.T) {
	e, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Observe(Event{Domain: Kernel, Kind: "tested", Subject: "x"}); err != nil {
		t.Fatal(err)
	}
	if s, ok := e.TryStatus(); !ok || s.Pending != 1 || s.Spool.State != SpoolOK {
		t.Errorf("%+v, %t", s, ok)
	}
	for name, lock := range map[string]sync.Locker{"the engine": &e.mu, "its spool": &e.spool.mu} {
		lock.Lock()
		if _, ok := e.TryStatus(); ok {
			t.Errorf("a status while %s is held", name)
		}
		lock.Unlock()
	}
}
