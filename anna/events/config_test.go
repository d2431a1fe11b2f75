package events

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func configSource(t *testing.T, paths ...string) *ConfigSource {
	t.Helper()
	s, err := NewConfigSource(ConfigOptions{Paths: paths, Settle: 10 * time.Millisecond, MaxFile: 4096, MaxFiles: 50})
	must(t, err)
	return s
}

func TestConfigFiles(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	write(t, p("plain"), "1")
	write(t, p("atomic"), "1")
	write(t, p("touched"), "1")
	write(t, p("gone"), "1")
	must(t, os.Mkdir(p("d"), 0o755))
	write(t, p("d/known"), "1")
	s := configSource(t, p("plain"), p("atomic"), p("touched"), p("gone"), p("later/deep/file"), p("d"))
	c := &collector{}
	start(t, s, c)
	if got := c.lines(); len(got) != 0 {
		t.Fatalf("the first look reports %q", got)
	}

	must(t, os.Chtimes(p("touched"), time.Now(), time.Now()))
	write(t, p("touched"), "1") // same content
	write(t, p("unwatched"), "1")
	write(t, p("plain"), "2")
	write(t, p("x.tmp"), "2")
	must(t, os.Rename(p("x.tmp"), p("atomic")))
	must(t, os.Remove(p("gone")))
	must(t, os.MkdirAll(p("later/deep"), 0o755))
	write(t, p("later/deep/file"), "1")
	write(t, p("d/new"), "1")
	write(t, p("d/.new.swp"), "1")
	must(t, os.Remove(p("d/known")))
	want := []string{
		"changed " + p("plain"), "changed " + p("atomic"), "removed " + p("gone"),
		"added " + p("later/deep/file"), "added " + p("d/new"), "removed " + p("d/known"),
	}
	got := c.wait(t, want...)
	if len(got) != len(want) {
		t.Errorf("got %q, want %q", got, want)
	}

	c.clear()
	must(t, os.Chmod(p("plain"), 0o600))
	c.wait(t, "changed "+p("plain"))
	if d := c.evs[0].Detail; d != "mode" {
		t.Errorf("chmod is told as %q", d)
	}
	c.clear()
	must(t, os.RemoveAll(p("d")))
	c.wait(t, "removed "+p("d/new"))
	must(t, os.Mkdir(p("d"), 0o755))
	write(t, p("d/again"), "1")
	c.wait(t, "added "+p("d/again"))

	// A directory above is swapped for another.
	c.clear()
	must(t, os.MkdirAll(p("later2/deep"), 0o755))
	write(t, p("later2/deep/file"), "2")
	must(t, os.Rename(p("later"), p("later.old")))
	must(t, os.Rename(p("later2"), p("later")))
	eventually(t, func() error {
		if f := s.get(p("later/deep/file")); f == nil || len(c.lines()) == 0 {
			return fmt.Errorf("swapped directory not noticed: %q", c.lines())
		}
		return nil
	})
}

// TestConfigLinkFarm swaps a link in the middle of the way, as tools do that
// replace a whole set of files at once.
func TestConfigLinkFarm(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	for _, v := range []string{"v1", "v2"} {
		must(t, os.MkdirAll(p("store/"+v), 0o755))
		write(t, p("store/"+v+"/app.conf"), v)
		write(t, p("store/"+v+"/same.conf"), "same")
	}
	must(t, os.Mkdir(p("etc"), 0o755))
	must(t, os.Symlink("../store/v1", p("etc/data")))
	must(t, os.Symlink("data/app.conf", p("etc/app.conf")))
	must(t, os.Symlink("data/same.conf", p("etc/same.conf")))
	must(t, os.Symlink("loop", p("etc/loop")))
	s := configSource(t, p("etc/app.conf"), p("etc/same.conf"), p("etc/loop"))
	c := &collector{}
	start(t, s, c)
	must(t, os.Symlink("../store/v2", p("etc/data.new")))
	must(t, os.Rename(p("etc/data.new"), p("etc/data")))
	c.wait(t, "changed "+p("etc/app.conf"))
	write(t, p("store/v2/app.conf"), "v3") // the new target is watched now
	eventually(t, func() error {
		if n := len(c.lines()); n != 2 {
			return fmt.Errorf("%d events, want 2: %q", n, c.lines())
		}
		return nil
	})
	if st := s.Status(); st.State != SourceDegraded {
		t.Errorf("a link to itself: %+v", st)
	}
}

func TestConfigOddFiles(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	must(t, unix.Mkfifo(p("fifo"), 0o600))
	write(t, p("large"), string(make([]byte, 100_000)))
	c := &collector{}
	start(t, configSource(t, p("fifo"), p("large")), c)
	big := make([]byte, 100_000)
	big[99_999] = 1 // beyond what is read
	time.Sleep(20 * time.Millisecond)
	must(t, os.WriteFile(p("large"), big, 0o644))
	c.wait(t, "changed "+p("large"))
	if _, err := NewConfigSource(ConfigOptions{Paths: []string{"etc/passwd"}}); err == nil {
		t.Error("a relative path was taken")
	}
}

func TestConfigCatchUpAndFullQueue(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	state := &StateDir{Path: t.TempDir()}
	write(t, p("a"), "1")
	write(t, p("b"), "1")
	c := &collector{}
	first := configSource(t, p("a"), p("b"))
	stop := start(t, first, c)
	must(t, stop())
	data, err := first.Save()
	must(t, err)
	must(t, state.Save("config", data))

	write(t, p("a"), "2")
	must(t, os.Remove(p("b")))
	c.setFull(true)
	second := configSource(t, p("a"), p("b"))
	data, err = state.Load("config")
	must(t, err)
	must(t, second.Load(data))
	time.AfterFunc(50*time.Millisecond, func() { c.setFull(false) })
	start(t, second, c)
	got := c.wait(t, "changed "+p("a")+" (late)", "removed "+p("b")+" (late)")
	if len(got) != 2 || second.Status().Refused == 0 {
		t.Errorf("%q, %+v", got, second.Status())
	}
}

// TestConfigListChanges restarts the source with another list, as a reload does.
func TestConfigListChanges(t *testing.T) {
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a", "b", "c"} {
		write(t, p(name), "1")
	}
	c := &collector{}
	first := configSource(t, p("a"), p("b"), p("later"))
	must(t, start(t, first, c)())
	data, err := first.Save()
	must(t, err)
	write(t, p("later"), "1")
	second := configSource(t, p("b"), p("c"), p("later"))
	must(t, second.Load(data))
	start(t, second, c)
	if got := c.lines(); len(got) != 1 || got[0] != "added "+p("later")+" (late)" {
		t.Errorf("a new list is told as %q", got)
	}
	write(t, p("c"), "2")
	c.wait(t, "changed "+p("c"))
}

func TestConfigOverflow(t *testing.T) {
	// The watch's own channel carries what the kernel says about a full queue;
	// whatever was lost, the files are read again.
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "1")
	s := configSource(t, a, b)
	c := &collector{}
	start(t, s, c)
	queue, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip("the size of the kernel's queue is not known")
	}
	var most int
	fmt.Sscan(string(queue), &most)
	if most > 100_000 {
		t.Skipf("the kernel queues %d notices", most)
	}
	// A full event queue holds the source up while the storm goes on.
	c.setFull(true)
	write(t, a, "2")
	eventually(t, func() error {
		if s.Status().Refused == 0 {
			return fmt.Errorf("not held up: %+v", s.Status())
		}
		return nil
	})
	f, err := os.OpenFile(a, os.O_WRONLY, 0)
	must(t, err)
	g, err := os.Create(b)
	must(t, err)
	defer f.Close()
	defer g.Close()
	for range most + 10_000 { // equal neighbours would be merged
		_, err1 := f.WriteAt([]byte("3"), 0)
		_, err2 := g.WriteAt([]byte("3"), 0)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
	}
	c.setFull(false)
	c.wait(t, "changed "+a+" (late)", "added "+b+" (late)")
	eventually(t, func() error {
		if s.Status().Overflows == 0 {
			return fmt.Errorf("the overflow is not counted: %+v", s.Status())
		}
		return nil
	})
	if got := c.lines(); len(got) != len(slices.Compact(slices.Clone(got))) {
		t.Errorf("told twice: %q", got)
	}
}
