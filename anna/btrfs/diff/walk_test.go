package diff

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The oracle looks at subvolumes as any program does: lstat, read, listxattr,
// FIEMAP. It shares nothing with the code under test.

// A seen inode is what a walk found.
type seenInode struct {
	key    string // number and time of birth
	st     unix.Statx_t
	hash   string
	extent string // where FIEMAP says that it is stored
	packed bool   // compressed, in part at least
	xattrs map[string]string
	flags  uint32
	subvol uint64
	names  []string // paths
}

// A seenTree is a walk's result, by path; "." is the top.
type seenTree struct {
	paths  map[string]*seenInode
	inodes map[string]*seenInode
	lost   bool // a nested subvolume moved where it cannot be told which it is
}

func (i *seenInode) mode() uint32 { return uint32(i.st.Mode) }

func (i *seenInode) isDir() bool { return i.subvol == 0 && i.mode()&unix.S_IFMT == unix.S_IFDIR }

// walk looks at everything below dir. nested names the subvolumes that a
// snapshot shows as empty directories; nil for a live subvolume.
func walk(t testing.TB, dir string, nested map[string]uint64) *seenTree {
	t.Helper()
	tree := &seenTree{paths: map[string]*seenInode{}, inodes: map[string]*seenInode{}}
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tree.visit(t, int(d.Fd()), ".", ".", nested)
	return tree
}

func (tree *seenTree) visit(t testing.TB, at int, name, path string, nested map[string]uint64) {
	t.Helper()
	i := &seenInode{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("walk of %q: %v", path, err)
		}
	}
	err := unix.Statx(at, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &i.st)
	if errors.Is(err, unix.ENOENT) { // the entry of a subvolume that is being deleted
		tree.lost = true
		return
	}
	must(err)
	if i.st.Ino == 2 || i.st.Ino == 256 && path != "." {
		i.subvol = nested[path]
		if i.st.Ino == 256 {
			fd, err := unix.Openat(at, name, unix.O_RDONLY, 0)
			if errors.Is(err, unix.ENOENT) {
				tree.lost = true // being deleted
				return
			}
			must(err)
			var a [4096]byte
			binary.NativeEndian.PutUint64(a[8:], 256)
			must(control(fd, 0xd0009412, a[:])) // INO_LOOKUP
			unix.Close(fd)
			i.subvol = binary.NativeEndian.Uint64(a[:])
		}
		tree.lost = tree.lost || i.subvol == 0
		i.key = fmt.Sprint("subvolume ", i.subvol)
		i.names = []string{path}
		tree.paths[path], tree.inodes[i.key] = i, i
		return
	}
	i.key = fmt.Sprintf("%d born %d.%09d", i.st.Ino, i.st.Btime.Sec, i.st.Btime.Nsec)
	if old := tree.inodes[i.key]; old != nil {
		old.names = append(old.names, path)
		tree.paths[path] = old
		return
	}
	i.names = []string{path}
	tree.paths[path], tree.inodes[i.key] = i, i
	proc := fmt.Sprintf("/proc/self/fd/%d/%s", at, name)
	i.xattrs = xattrsOf(t, proc)
	switch i.mode() & unix.S_IFMT {
	case unix.S_IFLNK:
		link, err := os.Readlink(proc)
		must(err)
		i.hash = link
	case unix.S_IFREG:
		fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NOATIME, 0)
		must(err)
		f := os.NewFile(uintptr(fd), path)
		h := sha256.New()
		_, err = io.Copy(h, f)
		must(err)
		i.hash = string(h.Sum(nil))
		i.flags = flagsOf(fd)
		i.extent, i.packed = fiemap(t, fd)
		f.Close()
	case unix.S_IFDIR:
		fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NOATIME, 0)
		must(err)
		f := os.NewFile(uintptr(fd), path)
		i.flags = flagsOf(fd)
		names, err := f.Readdirnames(-1)
		must(err)
		for _, n := range names {
			below := n
			if path != "." {
				below = path + "/" + n
			}
			tree.visit(t, int(f.Fd()), n, below, nested)
		}
		f.Close()
	}
}

// subvols are the nested subvolumes by path.
func (tree *seenTree) subvols() map[string]uint64 {
	m := map[string]uint64{}
	for p, i := range tree.paths {
		if i.subvol != 0 {
			m[p] = i.subvol
		}
	}
	return m
}

func control(fd int, request uintptr, arg []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&arg[0])))
	if errno != 0 {
		return errno
	}
	return nil
}

func flagsOf(fd int) uint32 {
	n, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return 0
	}
	return n
}

func xattrsOf(t testing.TB, path string) map[string]string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for len(buf[:n]) > 0 {
		name := unix.ByteSliceToString(buf[:n])
		copy(buf, buf[len(name)+1:n])
		n -= len(name) + 1
		value := make([]byte, 64<<10)
		k, err := unix.Lgetxattr(path, name, value)
		if err != nil && !errors.Is(err, unix.ENODATA) {
			t.Fatal(err)
		}
		if err == nil {
			m[name] = string(value[:k])
		}
	}
	return m
}

// fiemap writes down where a file is stored, neighbours joined.
func fiemap(t testing.TB, fd int) (where string, packed bool) {
	const count, ioc = 500, 0xc020660b // FS_IOC_FIEMAP
	const inline, unwritten, encoded = 0x200, 0x800, 0x8
	type extent struct {
		at, disk, n uint64
		flags       uint32
	}
	var list []extent
	for start := uint64(0); ; {
		a := make([]byte, 32+56*count)
		ne := binary.NativeEndian
		ne.PutUint64(a[0:], start)
		ne.PutUint64(a[8:], ^uint64(0)-start)
		ne.PutUint32(a[16:], 1) // FIEMAP_FLAG_SYNC
		ne.PutUint32(a[24:], count)
		if err := control(fd, ioc, a); err != nil {
			t.Fatal(err)
		}
		n := ne.Uint32(a[20:])
		if n == 0 {
			break
		}
		last := false
		for k := range n {
			b := a[32+56*k:]
			x := extent{ne.Uint64(b), ne.Uint64(b[8:]), ne.Uint64(b[16:]), ne.Uint32(b[40:])}
			last = x.flags&1 != 0
			start = x.at + x.n
			packed = packed || x.flags&encoded != 0
			x.flags &= inline | unwritten | encoded
			if x.flags&inline != 0 {
				x.n = 4096
				x.disk = 0
			}
			if k := len(list) - 1; k >= 0 && list[k].flags == x.flags && x.flags&(encoded|inline) == 0 &&
				list[k].at+list[k].n == x.at && list[k].disk+list[k].n == x.disk {
				list[k].n += x.n
				continue
			}
			list = append(list, x)
		}
		if last {
			break
		}
	}
	return fmt.Sprint(list), packed
}

// sortedNames are the names of an inode, by their directory's number and name:
// the first is where its size counts.
func (tree *seenTree) sortedNames(i *seenInode) []string {
	return slices.SortedFunc(slices.Values(i.names), func(a, b string) int {
		da, db := tree.paths[filepath.Dir(a)].st.Ino, tree.paths[filepath.Dir(b)].st.Ino
		if da != db {
			if da < db {
				return -1
			}
			return 1
		}
		return compareStrings(filepath.Base(a), filepath.Base(b))
	})
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
