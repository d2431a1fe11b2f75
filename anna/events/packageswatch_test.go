package events

import (
	"errors"
	"strings"
	"testing"
)

// An unwatchableDB is a database that inotify(7) has no watch left for.
type unwatchableDB struct{}

func (unwatchableDB) name() string            { return "test" }
func (unwatchableDB) watch(*dirWatch) error   { return errors.New("no watch is left") }
func (unwatchableDB) stamp() string           { return "1" }
func (unwatchableDB) locks() ([]string, bool) { return nil, false }
func (unwatchableDB) read(func(string) *Package) (map[string]Package, error) {
	return map[string]Package{"a": {Version: "2"}}, nil
}

// A queue that was full for a while must not hide what cannot be watched.
func TestPackagesFullQueueKeepsTheTrouble(t *testing.T) {
	s := newPackages(t.TempDir())
	s.reported, s.begun, s.scope = map[string]Package{"test/a": {Version: "1"}}, true, []string{"test"}
	sink := &collector{}
	sink.setFull(true)
	w := &packageWatch{PackagesSource: s, sink: sink, dbs: []packageDB{unwatchableDB{}}, stamps: map[string]string{}, stale: map[string]bool{}}
	done := make(chan error, 1)
	go func() { done <- w.look(t.Context(), false) }()
	eventually(t, func() error {
		if s.Status().Refused == 0 {
			return errors.New("nothing was refused")
		}
		return nil
	})
	sink.setFull(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := s.Status(); got.State != SourceDegraded || !strings.Contains(got.Reason, "no watch is left") {
		t.Errorf("after the queue was full: %s, %q", got.State, got.Reason)
	}
}
