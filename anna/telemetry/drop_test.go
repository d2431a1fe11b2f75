package telemetry

import (
	"testing"
	"time"
)

// TestDropOperation holds that what is dropped is gone, also before it is
// written, and that nothing else is.
func TestDropOperation(t *testing.T) {
	s, err := Open(t.Context(), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	at := time.Unix(1_700_000_000, 0)
	gone := Operation{Kind: Scrub, Filesystem: "a", Started: at, Outcome: "finished"}
	stays := Operation{Kind: Scrub, Filesystem: "a", Started: at.Add(time.Second), Outcome: "finished"}
	s.SaveOperation(gone)
	s.SaveOperation(stays)
	s.DropOperation(gone)
	for range 2 {
		list, err := s.Operations(t.Context(), Scrub, "a", 0)
		if err != nil || len(list) != 1 || !list[0].Started.Equal(stays.Started) {
			t.Fatalf("%+v, %v", list, err)
		}
		time.Sleep(50 * time.Millisecond) // written by now, or not: both hold
	}
}
