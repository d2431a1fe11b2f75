package events

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
)

// scripted is a source that is moved by hand.
type scripted struct{ tracker[NetThing] }

func newScripted() *scripted {
	s := &scripted{}
	s.init("scripted")
	s.describe = describeNet
	return s
}

func (s *scripted) Run(context.Context, Sink) error { return nil }

func links(names ...string) map[string]NetThing {
	m := map[string]NetThing{}
	for _, n := range names {
		m["link/"+n] = NetThing{Link: n}
	}
	return m
}

func TestCheckpointHoldsChanges(t *testing.T) {
	l := newLedger(10)
	l.note("scripted", 1, []change{{key: "link/c", value: []byte(`{"link":"c"}`)}, {key: "link/b"}})
	l.note("scripted", 2, []change{{key: "link/d"}})
	record := appendCheckpointRecord(nil, l)
	again := newLedger(10)
	must(t, again.apply(record[recordHeader:]))
	if !reflect.DeepEqual(again.journals, l.journals) {
		t.Errorf("%v, want %v", again.journals, l.journals)
	}
	forget := appendForgetRecord(nil, "scripted", 1)
	must(t, again.apply(forget[recordHeader:]))
	if j := again.journals["scripted"]; len(j.entries) != 1 || j.entries["link/d"].seq != 2 {
		t.Errorf("%v", j)
	}
}

// TestChangesOutliveAKill leaves the changes in the spool without a save.
func TestChangesOutliveAKill(t *testing.T) {
	dir := t.TempDir()
	must(t, (&StateDir{Path: dir}).Save("scripted", []byte(
		`{"version":1,"source":"scripted","seen":{"link/a":{"index":0,"link":"a"},"link/b":{"index":0,"link":"b"}}}`)))
	begin := func() (*Engine, *scripted, *Runner) {
		e := newEngine(t, Options{Dir: dir, Settings: fast()})
		s := newScripted()
		r := &Runner{Source: s, Sink: e, State: &StateDir{Path: dir}}
		r.load(slog.New(slog.DiscardHandler))
		return e, s, r
	}
	e, s, _ := begin()
	must(t, s.all(e, links("a", "c"), false))
	if n := e.Status().LastSeq; n != 2 {
		t.Fatalf("%d events", n)
	}
	e.Close() // without a save of the state

	e, s, r := begin()
	must(t, s.all(e, links("a", "c"), true))
	if n := e.Status().LastSeq; n != 2 {
		t.Errorf("told again: %+v", e.Recent(10))
	}
	r.save(slog.New(slog.DiscardHandler))
	if len(e.ledger.journals) != 0 {
		t.Errorf("kept after the save: %v", e.ledger.journals)
	}
	must(t, s.all(e, links("a", "c", "d"), false))
	e.Close()

	e, s, _ = begin()
	must(t, s.all(e, links("a", "c", "d", "e"), true))
	var lines []string
	for _, ev := range e.Recent(10) {
		lines = append(lines, ev.Kind+" "+ev.Subject)
	}
	if want := []string{"link_removed b", "link_added c", "link_added d", "link_added e"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestJournalIsBounded(t *testing.T) {
	l := newLedger(1)
	for i := range 200_000 {
		l.note("x", uint64(i+1), []change{{key: fmt.Sprint(i)}})
	}
	j := l.journals["x"]
	if j.bytes > journalBytes || len(j.entries) < 50_000 {
		t.Errorf("%d entries, %d bytes", len(j.entries), j.bytes)
	}
	j.forget(allOf)
	if j.bytes != 0 {
		t.Errorf("%d bytes of nothing", j.bytes)
	}
}
