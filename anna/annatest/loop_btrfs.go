package annatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Disk is a Btrfs file system on loop devices of its own.
type Disk struct {
	Loops []*Loop
	Dir   string // where it is mounted first, "" before

	mounts []string
}

// NewDisk makes a file system with mkfs.btrfs over devices of the given sizes
// and mounts it. args go to mkfs.btrfs.
func NewDisk(t testing.TB, sizes []int64, args ...string) *Disk {
	t.Helper()
	d := MakeDisk(t, sizes, args...)
	d.Dir = d.Mount(t, "")
	return d
}

// MakeDisk makes a file system without mounting it.
func MakeDisk(t testing.TB, sizes []int64, args ...string) *Disk {
	t.Helper()
	d := &Disk{}
	var paths []string
	for _, size := range sizes {
		l := NewLoop(t, size)
		d.Loops = append(d.Loops, l)
		paths = append(paths, l.Path)
	}
	Run(t, "mkfs.btrfs", append(append([]string{"-q", "-f", "-K"}, args...), paths...)...)
	return d
}

// Mount mounts the file system once more, with options as after mount -o, in a
// new directory.
func (d *Disk) Mount(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := d.MountAt(t, dir, options); err != nil {
		t.Fatalf("cannot mount %s with %q: %v", d.Loops[0].Path, options, err)
	}
	return dir
}

// MountAt mounts at a directory that exists and hands the error back: not
// every kernel mounts every file system.
func (d *Disk) MountAt(t testing.TB, dir, options string) error {
	var flags uintptr
	var data []string
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "":
		case "ro":
			flags |= unix.MS_RDONLY
		case "noatime":
			flags |= unix.MS_NOATIME
		default:
			data = append(data, o)
		}
	}
	// The kernel finds the other devices without udev only when told.
	source := ""
	for _, l := range d.Loops {
		if l.dev == nil {
			continue
		}
		if source == "" {
			source = l.Path
		}
		data = append(data, "device="+l.Path)
	}
	if err := unix.Mount(source, dir, "btrfs", flags, strings.Join(data, ",")); err != nil {
		return err
	}
	d.onUnmount(t, dir)
	return nil
}

// Bind bind-mounts one directory on another.
func (d *Disk) Bind(t testing.TB, from, to string) {
	t.Helper()
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("cannot bind %s to %s: %v", from, to, err)
	}
	d.onUnmount(t, to)
}

func (d *Disk) onUnmount(t testing.TB, dir string) {
	d.mounts = append(d.mounts, dir)
	t.Cleanup(func() { unmount(dir) })
}

// Unmount ends every mount of the file system, the last one first. Whoever
// looks at all mounted file systems has them open for a moment.
func (d *Disk) Unmount(t testing.TB) {
	t.Helper()
	for i := len(d.mounts) - 1; i >= 0; i-- {
		if err := patiently(func() error { return unix.Unmount(d.mounts[i], 0) }); err != nil {
			t.Fatalf("cannot unmount %s: %v", d.mounts[i], err)
		}
	}
	d.mounts, d.Dir = nil, ""
}

// unmount also gets rid of a mount that is in use. A directory that is no
// mount (any more) is none of its business.
func unmount(dir string) {
	if err := unix.Unmount(dir, 0); err == unix.EBUSY {
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	}
}

// forget makes the kernel drop what it remembers of a device that is not
// mounted, so that a later test with the same device number starts afresh.
//
// EBUSY: it is mounted, maybe in another mount namespace alone.
func forget(path string) error {
	control, err := os.OpenFile("/dev/btrfs-control", os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer control.Close()
	const forgetDev = 0x50009405 // BTRFS_IOC_FORGET_DEV
	var arg [4096]byte           // struct btrfs_ioctl_vol_args
	copy(arg[8:], path)
	return ioctlBytes(control, forgetDev, arg[:])
}

// Run runs a program, ends the test when it fails, and returns what it said.
func Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("cannot run %s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// WriteFile writes n bytes that do not compress, and syncs them to the disk.
func WriteFile(t testing.TB, dir, name string, n int) {
	t.Helper()
	b := make([]byte, n)
	x := uint64(n)*2654435761 + uint64(len(name)) + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}
