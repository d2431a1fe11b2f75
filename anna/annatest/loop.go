package annatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Loop is a loop device over a sparse file in the test's own directory. It
// is detached when the test ends, and by the kernel when the process dies.
type Loop struct {
	Path string // /dev/loopN
	File string // the file behind it

	dev *os.File
}

// NewLoop attaches a new sparse file of size bytes. Safe in parallel tests.
func NewLoop(t testing.TB, size int64) *Loop {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	return AttachLoop(t, file)
}

// AttachLoop attaches a file that exists, such as a copy of another disk.
func AttachLoop(t testing.TB, file string) *Loop {
	t.Helper()
	dev, err := attach(file)
	if err != nil {
		t.Fatalf("cannot attach %s to a loop device: %v", file, err)
	}
	l := &Loop{Path: dev.Name(), File: file, dev: dev}
	t.Cleanup(l.Detach)
	return l
}

// attach asks for a free device until it gets one: between LOOP_CTL_GET_FREE
// and LOOP_CONFIGURE another test may take it (EBUSY).
func attach(file string) (*os.File, error) {
	back, err := os.OpenFile(file, os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer back.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for deadline := time.Now().Add(10 * time.Second); ; {
		dev, err := configure(int(control.Fd()), back)
		if err == nil || !errors.Is(err, unix.EBUSY) && !errors.Is(err, os.ErrNotExist) || time.Now().After(deadline) {
			return dev, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func configure(control int, back *os.File) (*os.File, error) {
	n, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("no free loop device: %w", err)
	}
	dev, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// Autoclear detaches with the last user: our open file, or a mount.
	c := unix.LoopConfig{Fd: uint32(back.Fd())}
	c.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	if err := unix.IoctlLoopConfigure(int(dev.Fd()), &c); err != nil {
		dev.Close()
		return nil, err
	}
	return dev, nil
}

// Detach lets go of the device. A mount that still uses it keeps it until it
// is unmounted. Detaching twice does nothing.
func (l *Loop) Detach() {
	if l.dev == nil {
		return
	}
	_ = forget(l.Path)
	// Not an error when somebody still has it: autoclear does the rest.
	_ = unix.IoctlSetInt(int(l.dev.Fd()), unix.LOOP_CLR_FD, 0)
	l.dev.Close()
	l.dev = nil
}

// Pull is Detach for a test that goes on without the device: it returns when
// the kernel has neither the device nor a memory of it. Who is in a mount
// namespace that was copied while the file system was mounted, or looks at all
// block devices, holds it up for a moment.
func (l *Loop) Pull(t testing.TB) {
	t.Helper()
	backing := filepath.Join("/sys/block", filepath.Base(l.Path), "loop/backing_file")
	holds := func() error {
		if err := forget(l.Path); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
		return nil
	}
	if err := patiently(holds); err != nil {
		t.Fatalf("the kernel does not let go of %s: %v", l.Path, err)
	}
	l.Detach()
	err := patiently(func() error {
		text, err := os.ReadFile(backing)
		if err != nil || !strings.HasPrefix(string(text), l.File) { // gone, or given to another test
			return nil
		}
		return unix.EBUSY
	})
	if err != nil {
		t.Fatalf("somebody holds %s open", l.Path)
	}
}

// patiently tries until there is another answer than EBUSY, for ten seconds.
func patiently(try func() error) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := try()
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Resize makes the file and the device that long, as when a disk loses its
// end: what is written behind it fails with EIO.
func (l *Loop) Resize(t testing.TB, size int64) {
	t.Helper()
	if err := os.Truncate(l.File, size); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(l.dev.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		t.Fatalf("cannot resize %s: %v", l.Path, err)
	}
}
