package metrics

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeptFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := files{keep: true}
	for range 2 {
		if _, err := f.read(path, 100); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v", err)
		}
	}
	f.forget("")
	for _, text := range []string{"one", "", strings.Repeat("x", 9000), "two\n"} {
		put(t, path, text)
		if got, err := f.read(path, 10_000); got != text || err != nil {
			t.Errorf("%d bytes instead of %d, %v", len(got), len(text), err)
		}
	}
	put(t, path, "longer")
	if _, err := f.read(path, 5); !errors.Is(err, errTooLong) {
		t.Errorf("%v", err)
	}
}

// What can no longer be read is opened anew: the name may mean another file.
func TestKeptFilesOpenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := files{keep: true}
	put(t, path, "old")
	if _, err := f.read(path, 10); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	put(t, path, "new")
	f.open[path].Close() // as a cgroup that was removed answers: with an error
	if got, err := f.read(path, 10); got != "new" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestKeptFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	f := files{keep: true}
	for i := range 3 * keptMost {
		path := filepath.Join(dir, string(rune('a'+i%26))+strings.Repeat("b", i))
		if i%2 == 0 {
			put(t, path, "x")
		}
		_, _ = f.read(path, 10)
		if n := len(f.open) + len(f.absent); n > keptMost {
			t.Fatalf("%d are held", n)
		}
	}
}

// A sampler that keeps sees at once that its process was moved, and within
// placesAge that its cgroup is shared.
func TestKeptPlaces(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join(fixtures, "cgroup", "v2-own"))); err != nil {
		t.Fatal(err)
	}
	c := NewCgroup(filepath.Join(root, "proc"), root, 1234)
	c.files.keep = true
	own := filepath.Join(root, "sys/fs/cgroup/system.slice/annad.service")
	for _, current := range []string{"1", "2"} {
		put(t, filepath.Join(own, "memory.current"), current)
		if s := c.Sample(); !s.Memory.Ours || s.Current.String() != current {
			t.Errorf("%+v, current %v", s.Memory, s.Current)
		}
	}
	put(t, filepath.Join(own, "cgroup.procs"), "1234\n77\n")
	c.Sample()
	c.places.at = c.places.at.Add(-placesAge)
	if s := c.Sample(); s.Memory.Ours || s.Current.Known {
		t.Errorf("shared: %+v, current %v", s.Memory, s.Current)
	}
	put(t, filepath.Join(root, "proc", "1234", "cgroup"), "0::/elsewhere\n")
	if s := c.Sample(); s.Memory.Path != "/elsewhere" {
		t.Errorf("moved: %+v", s.Memory)
	}
}

// A daemon samples every second of its life.
func TestSamplingHoldsNothingMore(t *testing.T) {
	p, c := NewSelf(), NewOwnCgroup()
	c.Sample()
	before := p.Sample().Descriptors
	for range 50 {
		c.places.at = c.places.at.Add(-placesAge)
		c.Sample()
		p.fds = listed{}
		p.Sample()
	}
	p.fds = listed{}
	// Fewer is what tests before this one left to the garbage collector.
	if after := p.Sample().Descriptors; after.Value > before.Value || !after.Known {
		t.Errorf("%v descriptors after %v", after, before)
	}
}

func BenchmarkOwnSample(b *testing.B) {
	p, c := NewSelf(), NewOwnCgroup()
	b.ReportAllocs()
	for b.Loop() {
		p.Sample()
		c.Sample()
	}
}
