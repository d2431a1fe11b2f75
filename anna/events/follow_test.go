package events

import (
	"context"
	"testing"
	"time"
)

// The store may know higher numbers than the spool: after a time in which the
// spool could not be written, and a kill.
func TestNumbersBeyondTheHistory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a follower that finds nothing would wait for ever
	defer cancel()
	dir := t.TempDir()
	e := newEngine(t, Options{Dir: dir, Settings: fast()})
	mustObserve(t, e, ev(Storage, "/a"), ev(Storage, "/b"))
	e.Close()

	e = newEngine(t, Options{
		Dir: dir, Settings: fast(), After: 9, AfterNumber: 5,
		Composites: []Composite{{Number: 1, Domain: Storage}, {Number: 2, Domain: Storage}},
	})
	list := e.Recent(10)
	if len(list) != 2 || list[1].Subject != "/b" {
		t.Errorf("recent: %+v", list)
	}
	if list := e.Recent(1); len(list) != 1 || list[0].Subject != "/b" {
		t.Errorf("the last one: %+v", list)
	}
	if list := e.Recent(-1); len(list) != 0 {
		t.Errorf("less than none: %+v", list)
	}
	events := e.Follow(1)
	items, missed, err := events.Next(ctx)
	if err != nil || len(items) != 2 || missed != 0 || items[1].Subject != "/b" {
		t.Errorf("events: %+v, %d missed, %v", items, missed, err)
	}
	items, missed, err = events.Next(ctx)
	if err != nil || len(items) != 0 || missed != 7 {
		t.Errorf("events after them: %+v, %d missed, %v", items, missed, err)
	}
	composites := e.FollowComposites(2)
	cs, missed, err := composites.Next(ctx)
	if err != nil || len(cs) != 1 || missed != 0 || cs[0].Number != 2 {
		t.Errorf("composites: %+v, %d missed, %v", cs, missed, err)
	}
	cs, missed, err = composites.Next(ctx)
	if err != nil || len(cs) != 0 || missed != 3 {
		t.Errorf("composites after them: %+v, %d missed, %v", cs, missed, err)
	}
}
