package daemon

import (
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

func TestRecentCountsTheSpan(t *testing.T) {
	r := recent{span: time.Minute, step: 5 * time.Second}
	now := time.Unix(0, 0)
	if got := r.add(now, 1000); got != 0 {
		t.Errorf("the first reading is the beginning: %d", got)
	}
	for i := range 120 {
		now = now.Add(time.Second)
		got := r.add(now, 1000+10*uint64(i+1))
		if want := min(uint64(i+1), 60) * 10; got+50 < want || got > want+50 {
			t.Fatalf("after %d s: %d, not about %d", i+1, got, want)
		}
	}
	if len(r.points) > 14 {
		t.Errorf("%d points are kept", len(r.points))
	}
	if got := r.add(now.Add(time.Second), 5); got != 0 {
		t.Errorf("a counter that began anew: %d", got)
	}
}

func TestClockJumps(t *testing.T) {
	var c clock
	now := time.Unix(1000, 0)
	look := func(offset time.Duration) health.Clock {
		now = now.Add(time.Second)
		return c.take(now, offset)
	}
	look(time.Hour)
	if got := look(time.Hour + 400*time.Millisecond); got.Jumped != 0 {
		t.Errorf("slewed: %+v", got)
	}
	if got := look(2 * time.Hour); got.Jumped < 59*time.Minute || got.Ago != 0 {
		t.Errorf("forwards: %+v", got)
	}
	if got := look(2 * time.Hour); got.Ago != time.Second {
		t.Errorf("a second later: %+v", got)
	}
	if got := look(time.Hour); got.Jumped != -time.Hour {
		t.Errorf("backwards: %+v", got)
	}
}

// TestSocketFile holds what the daemon sees of its socket's file.
func TestSocketFile(t *testing.T) {
	for name, inMemory := range map[string]bool{"on disk": false, "in memory": true} {
		t.Run(name, func(t *testing.T) { testSocketFile(t, inMemory) })
	}
}

func testSocketFile(t *testing.T, inMemory bool) {
	dir, err := os.MkdirTemp("", "anna-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	f := newSocketFile(&Daemon{Socket: path})
	f.inMemory = inMemory
	if got := f.look(); got.Missing || got.Replaced || got.Wrong != "" || got.Err != "" {
		t.Fatalf("well: %+v", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); got.Wrong == "" {
		t.Errorf("of another mode: %+v", got)
	}
	away := filepath.Join(dir, "away")
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); !got.Missing {
		t.Errorf("moved away: %+v", got)
	}
	if err := os.WriteFile(path, nil, 0o660); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); !got.Replaced {
		t.Errorf("another file: %+v", got)
	}
	// A daemon that is started while the file of its inherited socket is away.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f = newSocketFile(&Daemon{Socket: path})
	if got := f.look(); !got.Missing || got.Err != "" {
		t.Errorf("missing from the beginning: %+v", got)
	}
	if err := os.WriteFile(path, nil, 0o660); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); !got.Replaced {
		t.Errorf("another file came: %+v", got)
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); got != (health.Socket{Path: path}) {
		t.Errorf("its own came back: %+v", got)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := f.look(); got.Wrong == "" {
		t.Errorf("its own, of another mode: %+v", got)
	}
}

// TestQueueWatchDoesNotHang holds that an engine that does not answer holds
// nobody up, is asked once, and that its answer is taken when it comes.
func TestQueueWatchDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var asked atomic.Int32
		q := &queueWatch{status: func() events.Status {
			asked.Add(1)
			<-release
			return events.Status{Overdue: 7}
		}, try: func() (events.Status, bool) { return events.Status{}, false }}
		began := time.Now()
		for range 4 {
			q.get()
			time.Sleep(time.Second)
		}
		if _, blocked := q.get(); blocked < 4*time.Second || asked.Load() != 1 {
			t.Errorf("blocked for %s after %s, asked %d times", blocked, time.Since(began), asked.Load())
		}
		close(release)
		synctest.Wait()
		if s, blocked := q.get(); blocked != 0 || s.Overdue != 7 {
			t.Errorf("%+v, blocked %s", s, blocked)
		}
	})
}

func TestTransitionsInWords(t *testing.T) {
	f := health.Finding{ID: "queue", Level: health.Warning, Title: "Events wait", Detail: "60 wait", Fix: "Look"}
	for _, tt := range []struct {
		change health.Change
		want   string
	}{
		{health.Change{Kind: health.Raised, Finding: f}, "warning: Events wait (queue): 60 wait. Look"},
		{health.Change{Kind: health.Resolved, Finding: f, LastedSec: 42 * 60}, "resolved after 42 min: Events wait (queue)"},
		{health.Change{Kind: health.Raised, Finding: health.Finding{ID: "x", Title: "T", Detail: "d"}}, "notice: T (x): d"},
	} {
		if got, _ := transition(tt.change); got != tt.want {
			t.Errorf("%q, not %q", got, tt.want)
		}
	}
}
