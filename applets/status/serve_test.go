package status

import (
	"fmt"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// TestLastChanges holds that what changed last is the last of all that the
// daemon has in memory, and that asking waits for nothing.
func TestLastChanges(t *testing.T) {
	var all []events.Composite
	at := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	for n := uint64(1); n <= 400; n++ {
		domain := events.Storage
		if n%100 == 50 {
			domain = events.Packages
		}
		cause := events.Cause{Kind: "changed", Subject: fmt.Sprint("number ", n), Count: 1, FirstSeq: n, LastSeq: n, FirstTime: at, LastTime: at}
		all = append(all, events.Composite{Number: n, Domain: domain, Count: 1, FirstSeq: n, LastSeq: n, FirstTime: at, LastTime: at, Causes: []events.Cause{cause}})
	}
	for name, c := range map[string]struct {
		has  []events.Composite
		want string
	}{
		"many": {all, "[packages number 350 storage number 400]"},
		"one":  {all[:1], "[storage number 1]"},
		"none": {nil, "[]"},
	} {
		o := events.Options{Composites: c.has}
		if n := len(c.has); n > 0 {
			o.After, o.AfterNumber = c.has[n-1].LastSeq, c.has[n-1].Number
		}
		engine, err := events.New(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(engine.Close)
		got := []string{}
		for _, change := range lastChanges(engine) {
			got = append(got, change.Domain+" "+change.Subject)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	// Numbers of a life before, and nothing of it in memory.
	engine, err := events.New(events.Options{After: 7, AfterNumber: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	if got := lastChanges(engine); len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}
}
