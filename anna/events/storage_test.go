package events

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// inMountNS runs do on a thread with a private mount namespace and returns the
// thread's mountinfo. The thread lives until release.
func inMountNS(t *testing.T) (do func(func() error) error, mountinfo string) {
	t.Helper()
	work := make(chan func() error)
	results := make(chan error)
	tid := make(chan int)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "")
		}
		tid <- unix.Gettid()
		results <- err
		for f := range work {
			results <- f()
		}
	}()
	id := <-tid
	if err := <-results; err != nil {
		close(work)
		t.Fatal(err)
	}
	t.Cleanup(func() { close(work) })
	return func(f func() error) error { work <- f; return <-results }, fmt.Sprintf("/proc/self/task/%d/mountinfo", id)
}

func TestStorageMounts(t *testing.T) {
	annatest.Require(t, annatest.Root)
	do, info := inMountNS(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a b"), filepath.Join(dir, "b")
	must(t, os.Mkdir(a, 0o755))
	must(t, os.Mkdir(b, 0o755))
	s := NewStorageSource(StorageOptions{MountInfo: info})
	c := &collector{}
	stop := start(t, s, c)
	mount := func(at, options string, flags uintptr) {
		t.Helper()
		must(t, do(func() error { return unix.Mount("anna-test", at, "tmpfs", flags, options) }))
	}
	mount(a, "size=64k", 0)
	c.wait(t, "mounted "+a)
	mount(a, "size=64k", unix.MS_REMOUNT|unix.MS_NOEXEC)
	c.wait(t, "remounted "+a)
	if got := c.last().Attributes["options_added"]; got != "noexec" {
		t.Errorf("added options %q", got)
	}
	mount(a, "size=64k", unix.MS_REMOUNT|unix.MS_NOEXEC|unix.MS_RDONLY)
	c.wait(t, "turned_read_only "+a)
	mount(a, "size=32k", 0) // over the first
	eventually(t, func() error {
		if n := s.get(a); n == nil || n.Depth != 2 {
			return fmt.Errorf("mounted over: %+v", n)
		}
		return nil
	})
	must(t, do(func() error { return unix.Unmount(a, 0) }))
	must(t, do(func() error { return unix.Unmount(a, 0) }))
	eventually(t, func() error {
		if s.get(a) != nil {
			return fmt.Errorf("still there: %q", c.lines())
		}
		return nil
	})
	mount(b, "", 0)
	c.wait(t, "mounted "+b)
	must(t, stop())
	data, err := s.Save()
	must(t, err)

	// What happened while nobody watched.
	must(t, do(func() error { return unix.Unmount(b, 0) }))
	mount(a, "", 0)
	late := NewStorageSource(StorageOptions{MountInfo: info})
	must(t, late.Load(data))
	c.clear()
	start(t, late, c)
	got := c.wait(t, "unmounted "+b+" (late)", "mounted "+a+" (late)")
	if len(got) != 2 {
		t.Errorf("%q", got)
	}
	late.Recheck()
	must(t, do(func() error { return unix.Unmount(a, 0) }))
	c.wait(t, "unmounted "+a)
}

func TestStorageFailsPlainly(t *testing.T) {
	s := NewStorageSource(StorageOptions{MountInfo: filepath.Join(t.TempDir(), "none")})
	err := s.Run(t.Context(), &collector{})
	if err == nil || !strings.HasPrefix(err.Error(), "cannot watch mounts: ") {
		t.Errorf("%v", err)
	}
	if st := s.Status(); st.State != SourceFailed || st.FailuresLastHour != 1 {
		t.Errorf("%+v", st)
	}
}

func TestDescribeMount(t *testing.T) {
	m := func(options string, id, depth int) *Mount {
		return &Mount{ID: id, Device: "/dev/sda1", Type: "ext4", Options: options, Depth: depth}
	}
	for _, c := range []struct {
		name     string
		old, now *Mount
		late     bool
		want     []string
	}{
		{"same", m("rw", 1, 1), m("rw", 1, 1), false, nil},
		{"other number, live", m("rw", 1, 1), m("rw", 2, 1), false, []string{"unmounted", "mounted"}},
		{"other number, after a start", m("rw", 1, 1), m("rw", 2, 1), true, nil},
		{"read-only", m("rw", 1, 1), m("ro", 1, 1), false, []string{"turned_read_only"}},
		{"writable", m("ro", 1, 1), m("rw", 1, 1), false, []string{"remounted"}},
		{"over", m("rw", 1, 1), m("rw", 2, 2), false, []string{"mounted"}},
	} {
		var got []string
		for _, ev := range describeMount("/x", c.old, c.now, c.late) {
			got = append(got, ev.Kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := joinOptions("rw", "rw,lowerdir+=/home/a,upperdir=/b,subvolid=5,subvol=/@"); got != "rw,subvolid=5" {
		t.Errorf("paths in options: %q", got)
	}
	if got := joinOptions("rw,relatime", "ro,errors=remount-ro"); got != "errors=remount-ro,relatime,ro" {
		t.Errorf("options %q", got)
	}
}
