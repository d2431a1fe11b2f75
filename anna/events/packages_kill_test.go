package events

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const watcherEnv = "ANNA_EVENTS_WATCHER"

// watcherMain is a daemon's part in a process of its own, to be killed: an
// engine and the packages source, with their state in DIR and the databases
// under DIR/root. It writes a byte when it has looked for the first time.
func watcherMain() {
	dir := os.Getenv(watcherEnv)
	if dir == "" {
		return
	}
	e, err := New(Options{Dir: filepath.Join(dir, "state"), Settings: remembering()})
	if err != nil {
		panic(err)
	}
	s := newPackages(filepath.Join(dir, "root"))
	go (&Runner{Source: s, Sink: e, State: &StateDir{Path: filepath.Join(dir, "state")}}).Run(context.Background())
	go func() {
		for s.Status().State == SourceStopped {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("looked")
	}()
	fmt.Println(e.Run(context.Background()))
}

// remembering is fast with all of the story in memory.
func remembering() Settings {
	s := fast()
	s.History = 10_000
	return s
}

// watcher starts one and waits until it has looked.
func watcher(t *testing.T, dir string) (kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), watcherEnv+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = child.Process.Kill()
			_ = child.Wait()
		}
	}
	t.Cleanup(kill)
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return kill
}

// chains holds that the events of each package are one chain from its first to
// its last state: none twice, none missed.
func chains(t *testing.T, first map[string]string, evs []Event) (last map[string]string) {
	t.Helper()
	last = first
	for _, ev := range evs {
		from, to := ev.Attributes["old_version"], ev.Attributes["new_version"]
		if last[ev.Subject] != from || from == to {
			t.Errorf("event %d: %s %s: %q -> %q, but %q is what was told last", ev.Seq, ev.Kind, ev.Subject, from, to, last[ev.Subject])
		}
		if to == "" {
			delete(last, ev.Subject)
		} else {
			last[ev.Subject] = to
		}
	}
	return last
}

// TestPackagesKilledAgainAndAgain changes a database while its watcher is
// killed at any moment, and holds the whole story together in the end.
func TestPackagesKilledAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	root, put := dpkgRoot(t)
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	must(t, os.Symlink(root, filepath.Join(dir, "root")))
	versions := map[string]string{"p0": "1", "p1": "1", "p2": "1"}
	replace := func() {
		var all []string
		for i := range 40 {
			if v := versions[fmt.Sprint("p", i)]; v != "" {
				all = append(all, stanza(fmt.Sprint("p", i), v, okStatus))
			}
		}
		put(all...)
	}
	replace()
	kill := watcher(t, dir)
	waitFor(t, filepath.Join(dir, "state/source-packages.json"))
	next := 1
	kills := 20
	if testing.Short() {
		kills = 4
	}
	for range kills {
		until := time.Now().Add(time.Duration(50+rand.IntN(200)) * time.Millisecond)
		for time.Now().Before(until) {
			next++
			for range 1 + rand.IntN(20) {
				name := fmt.Sprint("p", rand.IntN(40))
				if versions[name] != "" && rand.IntN(4) == 0 {
					delete(versions, name)
				} else {
					versions[name] = fmt.Sprint(next)
				}
			}
			replace()
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		}
		kill()
		if rand.IntN(2) == 0 { // something happens meanwhile
			next++
			versions["p7"] = fmt.Sprint(next)
			replace()
		}
		kill = watcher(t, dir)
	}
	kill()
	evs, status := story(t, dir, versions)
	last := chains(t, map[string]string{"p0": "1", "p1": "1", "p2": "1"}, evs)
	late := 0
	for _, ev := range evs {
		if ev.CatchUp {
			late++
		}
	}
	t.Logf("%d events, %d of them late, in %d changes and %d kills", len(evs), late, next, kills)
	if fmt.Sprint(last) != fmt.Sprint(versions) {
		t.Errorf("told\n%v\nbut there is\n%v", last, versions)
	}
	if !status.Closes() || uint64(len(evs)) != status.LastSeq || late == 0 || late == len(evs) {
		t.Errorf("%+v", status.Accounting)
	}
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	eventually(t, func() error { _, err := os.Stat(path); return err })
}

// story starts once more and returns everything that was ever told, once the
// versions told are those that are there.
func story(t *testing.T, dir string, versions map[string]string) ([]Event, Status) {
	t.Helper()
	e := newEngine(t, Options{Dir: filepath.Join(dir, "state"), Settings: remembering()})
	s := newPackages(filepath.Join(dir, "root"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&Runner{Source: s, Sink: e, State: &StateDir{Path: filepath.Join(dir, "state")}}).Run(ctx)
	}()
	eventually(t, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		told := map[string]string{}
		for key, p := range s.reported {
			told[strings.TrimPrefix(key, "dpkg/")] = p.Version
		}
		if fmt.Sprint(told) != fmt.Sprint(versions) {
			return fmt.Errorf("told %v, want %v", told, versions)
		}
		return nil
	})
	cancel()
	<-done
	return e.Recent(10_000), e.Status()
}
