package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// TestHostileFile puts what is no configuration in its place: a clear error, at
// once, and the old one runs on.
func TestHostileFile(t *testing.T) {
	r := newRig(t, calm+"[health]\nqueue_warn = 60\n")
	before := r.state()
	write := func(data []byte) func() error { return func() error { return os.WriteFile(r.file, data, 0o600) } }
	for name, tt := range map[string]struct {
		place func() error
		want  string
	}{
		"a directory":    {func() error { return os.Mkdir(r.file, 0o700) }, "it is a directory, not a regular file"},
		"a FIFO":         {func() error { return unix.Mkfifo(r.file, 0o600) }, "it is a FIFO, not a regular file"},
		"a device":       {func() error { return os.Symlink("/dev/zero", r.file) }, "it is a device, not a regular file"},
		"a socket":       {func() error { l, err := net.Listen("unix", r.file); _ = l; return err }, "it is a socket, not a regular file"},
		"1 GB":           {func() error { return errors.Join(write(nil)(), os.Truncate(r.file, 1<<30)) }, "it is larger than 1MB"},
		"a lost link":    {func() error { return os.Symlink("nowhere", r.file) }, `it is a link to "nowhere", which does not exist`},
		"a circle":       {func() error { return os.Symlink(r.file, r.file) }, "too many levels of symbolic links"},
		"not readable":   {func() error { return os.Symlink("/proc/self/mem", r.file) }, "input/output error"},
		"no text":        {write([]byte("\x00\xff\xfe")), ""},
		"half a file":    {write([]byte("[health]\nqueue_warn =")), ""},
		"deep":           {write([]byte("x = " + strings.Repeat("[", 100_000))), ""},
		"a million keys": {write([]byte(strings.Repeat("a=1\n", 1<<18-1))), ""},
	} {
		if err := os.RemoveAll(r.file); err != nil {
			t.Fatal(err)
		}
		if err := tt.place(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rec := r.load(config.Rejected)
		if got := rec.Problems[0].Error(); !strings.Contains(got, tt.want) || !strings.Contains(got, r.file) {
			t.Errorf("%s: %s", name, got)
		}
		if !before.equal(r.state()) {
			t.Errorf("%s: it changed something", name)
		}
	}
	if err := os.RemoveAll(r.file); err != nil {
		t.Fatal(err)
	}
	r.load(config.Applied) // a missing file means the defaults
	if got := r.host.Config().Health().QueueWarn; got != 50 {
		t.Errorf("queue_warn is %d", got)
	}
}

// tmpfs mounts a small file system.
func tmpfs(t *testing.T, dir, size string) {
	t.Helper()
	annatest.Require(t, annatest.Root)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		t.Skipf("needs root: cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount %s: %v", dir, err)
		}
	})
}

// TestStateNotWritable holds that a configuration that cannot be kept does not
// hold, that what is wrong and what to do is said, and that it holds as soon as
// it can be kept.
func TestStateNotWritable(t *testing.T) {
	for name, tt := range map[string]struct {
		want, hint string
		spoil      func(t *testing.T, dir string) (mend func() error)
	}{
		"full": {"no space left on device", "df -h ", func(t *testing.T, dir string) func() error {
			path := filepath.Join(dir, "big")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for err == nil {
				_, err = f.Write(make([]byte, 4096))
			}
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			return func() error { return os.Remove(path) }
		}},
		"read-only": {"read-only file system", "findmnt -T ", func(t *testing.T, dir string) func() error {
			// Over the one in use, of which files are open.
			if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
			return func() error { return unix.Unmount(dir, unix.MNT_DETACH) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, calm)
			r.stop()
			t.Cleanup(r.stop) // before the file system goes
			dir := filepath.Join(r.dir, "state")
			tmpfs(t, dir, "3M")
			t.Cleanup(r.stop)
			r.start()
			before := r.state()
			mend := tt.spoil(t, dir)
			r.write(everything(2))
			for range 2 {
				rec := r.load(config.Rejected)
				last := rec.Problems[len(rec.Problems)-1]
				if !strings.Contains(last.Message, "cannot keep the configuration in "+dir+": "+tt.want) || !strings.Contains(last.Hint, tt.hint+dir) {
					t.Errorf("it says %+v", last)
				}
				if !before.equal(r.state()) {
					t.Error("it changed something")
				}
			}
			if got := r.host.Config(); got != before.config {
				t.Error("another configuration runs")
			}
			if err := mend(); err != nil {
				t.Fatal(err)
			}
			if rec := r.load(config.Applied); rec.Generation != 2 {
				t.Errorf("generation %d", rec.Generation)
			}
			r.whole()
			r.dense(r.receipts())
		})
	}
}

// TestStartWithoutState holds that a daemon whose state directory cannot be
// written starts all the same, and goes on counting where the last one ended.
func TestStartWithoutState(t *testing.T) {
	r := newRig(t, calm)
	r.stop()
	dir := filepath.Join(r.dir, "state")
	tmpfs(t, dir, "3M")
	r.start()
	r.stop()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	r.write("[broken\n")
	r.start()
	last, rejected := r.reloads.status()
	if rejected == nil || last.ID != 2 || last.Outcome != config.Restored {
		t.Errorf("it started with %d %s", last.ID, last.Outcome)
	}
	r.stop()
}

// TestPolicies holds that the rules are a part of the whole: one bad file among
// them rejects everything, and a changed one is a change.
func TestPolicies(t *testing.T) {
	r := newRig(t, calm)
	dir := filepath.Join(r.dir, "policies.d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rule := func(id, level string) string {
		return fmt.Sprintf("[[rule]]\nid = %q\nlevel = %q\nwhen = 'load.one > 1000'\ntitle = 'busy'\n", id, level)
	}
	put("10-a.toml", rule("a", "info"))
	put("20-b.toml", "b = ")
	r.write(fmt.Sprintf("%s[health]\nqueue_warn = 60\n[policies]\ndir = %q\n", calm, dir))
	rec := r.load(config.Rejected)
	if got := rec.Problems[0]; got.File != filepath.Join(dir, "20-b.toml") || got.Line != 1 {
		t.Errorf("the problem is %+v", got)
	}
	put("20-b.toml", rule("b", "loud"))
	if got := r.load(config.Rejected).Problems; len(got) != 1 || got[0].Line != 3 || got[0].Key != "level" {
		t.Errorf("the problems are %+v", got)
	}
	put("20-b.toml", rule("b", "info"))
	if rec = r.load(config.Applied); len(rec.Changes) != 4 {
		t.Errorf("the changes are %v", rec.Changes)
	}
	put("20-b.toml", rule("b", "warning"))
	if rec = r.load(config.Applied); len(rec.Changes) != 1 || rec.Changes[0].Key != "policies.d/20-b.toml" {
		t.Errorf("the changes are %v", rec.Changes)
	}
	g, _, err := r.store().Generation(t.Context(), rec.ID)
	if err != nil {
		t.Fatal(err)
	}
	src, err := config.Unarchive(g.Content)
	if err != nil || len(src.Policies) != 2 || string(src.Policies[1].Data) != rule("b", "warning") {
		t.Errorf("kept is %v (%v)", src, err)
	}
}
