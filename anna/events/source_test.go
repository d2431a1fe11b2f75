package events

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// flaky is a source whose runs end as told.
type flaky struct {
	tracker[NetThing]
	runs []func(ctx context.Context, sink Sink) error
	at   []time.Time
}

func (f *flaky) Run(ctx context.Context, sink Sink) error {
	n := len(f.at)
	f.at = append(f.at, time.Now())
	if n < len(f.runs) {
		return f.end(f.runs[n](ctx, sink))
	}
	f.set(SourceRunning, "")
	<-ctx.Done()
	return f.end(nil)
}

func TestRunnerRestartsAndSaves(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		f := &flaky{}
		f.init("flaky")
		f.describe = describeNet
		f.runs = []func(context.Context, Sink) error{
			func(context.Context, Sink) error { return errors.New("no") },
			func(context.Context, Sink) error { panic("oh") },
			func(_ context.Context, sink Sink) error {
				if err := f.all(sink, map[string]NetThing{}, true); err != nil {
					return err
				}
				return f.update(sink, "link/x", &NetThing{Link: "x"}, false)
			},
		}
		state := &StateDir{Path: dir}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&Runner{Source: f, Sink: c, State: state}).Run(ctx)
		}()
		start := time.Now()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var pauses []time.Duration
		for _, at := range f.at {
			pauses = append(pauses, at.Sub(start))
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}
		if len(pauses) != len(want) || pauses[1] != want[1] || pauses[2] != want[2] || pauses[3] != want[3] {
			t.Errorf("runs after %v, want %v", pauses, want)
		}
		if st := f.Status(); st.State != SourceRunning || st.Failures != 1 || st.Events != 1 {
			t.Errorf("%+v", st)
		}
		data, err := state.Load("flaky")
		if err != nil || !strings.Contains(string(data), `"link/x"`) {
			t.Errorf("saved %s, %v", data, err)
		}
		cancel()
		<-done
	})
}

func TestStateDirFollowsNoLink(t *testing.T) {
	dir, precious := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	write(t, precious, "precious")
	must(t, os.Symlink(precious, filepath.Join(dir, "source-x.json")))
	must(t, os.Symlink(precious, filepath.Join(dir, "source-x.json.new")))
	s := &StateDir{Path: dir}
	if data, err := s.Load("x"); err == nil {
		t.Errorf("read through a link: %q", data)
	}
	must(t, s.Save("x", []byte("{}")))
	if got, _ := os.ReadFile(precious); string(got) != "precious" {
		t.Errorf("written through a link: %q", got)
	}
	if data, err := s.Load("x"); err != nil || string(data) != "{}" {
		t.Errorf("%q, %v", data, err)
	}
	info, err := os.Stat(filepath.Join(dir, "source-x.json"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if data, err := s.Load("y"); err != nil || data != nil {
		t.Errorf("nothing saved: %q, %v", data, err)
	}
	if err := s.Save("../x", nil); err == nil {
		t.Error("a name that leads out was taken")
	}
}

func TestLoadRefusesWhatIsNotItsOwn(t *testing.T) {
	s := NewNetworkSource(NetworkOptions{})
	for _, bad := range []string{
		"", "{", "null", `{"version":2,"source":"network"}`, `{"version":1,"source":"storage"}`,
		`{"version":1,"source":"network","seen":{"link/a":{"link":"b"}}}`,
		`{"version":1,"source":"network","more":1}`,
	} {
		if err := s.Load([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if data, err := s.Save(); err != nil || data != nil {
		t.Errorf("a refused state left something: %q, %v", data, err)
	}
}

func TestRates(t *testing.T) {
	now := time.Unix(1000, 0)
	m := newRateMeter(now)
	for i := range 600 { // one a second for ten minutes
		m.add(now.Add(time.Duration(i)*time.Second), 1)
	}
	at := now.Add(600*time.Second - 1)
	for window, want := range map[time.Duration]float64{time.Minute: 1, 5 * time.Minute: 1, 15 * time.Minute: 1} {
		if got := m.perSecond(at, window); got < want*0.99 || got > want*1.01 {
			t.Errorf("%v: %v a second, want %v", window, got, want)
		}
	}
	quiet := at.Add(2 * time.Minute)
	if got := m.perSecond(quiet, time.Minute); got != 0 {
		t.Errorf("after two quiet minutes: %v", got)
	}
	if got := m.perSecond(quiet.Add(time.Hour), 15*time.Minute); got != 0 {
		t.Errorf("after an hour: %v", got)
	}
}
