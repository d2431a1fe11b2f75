package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// watching is a configuration whose files are watched.
func watching(n int) string {
	return fmt.Sprintf("%s[health]\nqueue_warn = %d\nqueue_crit = 5000\n[reload]\nwatch = true\nmin_interval = \"1s\"\n", calm, n)
}

// awaits waits until a value of queue_warn holds.
func (r *rig) awaits(n int) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); r.host.Config().Health().QueueWarn != n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("queue_warn is %d, not %d\n%s", r.host.Config().Health().QueueWarn, n, r.log)
		}
	}
}

// attempts waits until there were so many, and holds that there are no more.
func (r *rig) attempts(n int64) config.Receipt {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		last, _ := r.reloads.status()
		if last.ID > n || last.ID < n && time.Now().After(deadline) {
			r.t.Fatalf("%d attempts, not %d\n%s", last.ID, n, r.log)
		}
		if last.ID == n {
			return last
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// due forgets when the watch last reloaded, so that the next need not wait.
func (r *rig) due() {
	r.reloads.state.Lock()
	defer r.reloads.state.Unlock()
	r.reloads.watched = time.Time{}
}

// still is longer than a file has to be left alone, by far.
const still = 400 * time.Millisecond

// TestWatch goes through an administrator's ways to change a file.
func TestWatch(t *testing.T) {
	r := newRig(t, watching(60))
	r.write(watching(61)) // as editors do: another file, renamed into place
	r.awaits(61)
	if rec := r.attempts(2); rec.Origin != "watch" || rec.Outcome != config.Applied {
		t.Errorf("%s %s", rec.Origin, rec.Outcome)
	}

	// Written piece by piece, none of which is valid: tried when it is whole.
	r.due()
	f, err := os.Create(r.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range strings.SplitAfter(watching(62), "=") {
		if _, err := f.WriteString(piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.Close()
	r.awaits(62)
	if rec := r.attempts(3); rec.Outcome != config.Applied {
		t.Errorf("%s: %v", rec.Outcome, rec.Problems)
	}

	// A bad one is tried once, however often it is written.
	for range 3 {
		r.due()
		r.write("[health]\nqueue_warn = 0\n")
		if rec := r.attempts(4); rec.Outcome != config.Rejected {
			t.Errorf("%s", rec.Outcome)
		}
		time.Sleep(still)
	}
	r.attempts(4)
	r.due()
	r.write("[health]\nqueue_warn = -1\n") // bad in another way
	r.attempts(5)
	r.due()
	r.write(watching(62))
	if rec := r.attempts(6); rec.Outcome != config.Unchanged {
		t.Errorf("%s", rec.Outcome)
	}

	// What somebody else loaded meanwhile is no news.
	r.due()
	r.write(watching(63))
	r.load(config.Applied)
	time.Sleep(still)
	r.attempts(7)

	// Switched off by itself.
	r.write(calm + "[health]\nqueue_warn = 64\n")
	r.awaits(64)
	r.write(watching(65))
	time.Sleep(still)
	r.attempts(8)
}

// TestWatchRate holds that a file that changes all the time is loaded as often
// as min_interval allows, also when that or the policies change and a new watch
// begins, and that the last content is loaded in the end.
func TestWatchRate(t *testing.T) {
	r := newRig(t, watching(60))
	began := time.Now()
	length := 2500 * time.Millisecond
	if testing.Short() {
		length = 1200 * time.Millisecond
	}
	n := 100
	for ; time.Since(began) < length; n++ {
		r.write(watching(n) + fmt.Sprintf("[policies]\ndir = %q\n", filepath.Join(r.dir, fmt.Sprint("p", n%2))))
		time.Sleep(5 * time.Millisecond)
	}
	r.awaits(n - 1)
	list := r.receipts()
	var times []time.Time
	for _, rec := range list[1:] {
		if rec.Origin != "watch" || rec.Outcome != config.Applied {
			t.Errorf("%s %s: %v", rec.Origin, rec.Outcome, rec.Problems)
		}
		times = append(times, rec.Time)
	}
	for i := 1; i < len(times); i++ {
		if got := times[i].Sub(times[i-1]); got < 900*time.Millisecond {
			t.Errorf("%s between two reloads", got)
		}
	}
	r.dense(list)
}

// TestWatchLinks holds that a file behind links is followed: a link that is
// replaced, and a farm of links of which one directory is swapped, as
// configuration managers do.
func TestWatchLinks(t *testing.T) {
	r := newRig(t, calm)
	farm := filepath.Join(r.dir, "farm")
	version := func(n int) {
		t.Helper()
		dir := filepath.Join(farm, fmt.Sprint("v", n))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(watching(n)), 0o600); err != nil {
			t.Fatal(err)
		}
		link(t, fmt.Sprint("v", n), filepath.Join(farm, "data"))
	}
	version(60)
	link(t, filepath.Join("farm", "data", "config.toml"), r.file)
	r.load(config.Applied)
	r.awaits(60)
	r.due()
	version(61)
	r.awaits(61)
	r.due()
	other := filepath.Join(r.dir, "other.toml")
	if err := os.WriteFile(other, []byte(watching(62)), 0o600); err != nil {
		t.Fatal(err)
	}
	link(t, other, r.file)
	r.awaits(62)
	r.due()
	if err := os.WriteFile(other, []byte(watching(63)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.awaits(63)
	r.due()
	if err := os.Remove(r.file); err != nil { // the defaults, and no watch
		t.Fatal(err)
	}
	r.awaits(50)
	r.dense(r.receipts())
}

func link(t *testing.T, target, name string) {
	t.Helper()
	os.Remove(name + ".new")
	if err := os.Symlink(target, name+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// TestWatchBegins holds that what changes between the reload that begins a
// watch and the watch's first look is not missed.
func TestWatchBegins(t *testing.T) {
	r := newRig(t, calm)
	r.reloads.parts = append(r.reloads.parts, part{"test", func(_, _ *config.Config) (func(), error) {
		r.write(watching(61)) // behind the reload's back: it has read 60
		r.reloads.parts = r.reloads.parts[:len(r.reloads.parts)-1]
		return nil, nil
	}})
	r.write(watching(60))
	r.load(config.Applied)
	r.awaits(61)
}
