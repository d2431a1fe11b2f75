package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotBtrfs is the error for a path on another file system.
var ErrNotBtrfs = errors.New("not a Btrfs file system")

// An FS is an open file system. It keeps one directory open, which keeps the
// file system from being unmounted (lazily apart) until Close.
type FS struct {
	Path   string // what was opened
	FSID   UUID   // also the name below /sys/fs/btrfs
	kernel Kernel
	file   *os.File // nil for recordings
	sys    sysDir
	roots  Roots
	info   Info

	recordedDev string // stands in for the device number of a recording
}

// Open opens the file system that holds path, which may be any file or
// directory that the caller can read.
func Open(path string, roots Roots) (*FS, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return newFS(f, path, roots)
}

// OpenKernel stands an FS on any Kernel, such as a [Replay]. What needs open
// files besides (the walk of unprivileged callers) answers that it is missing.
func OpenKernel(k Kernel, path string, roots Roots) (*FS, error) {
	fs := &FS{Path: path, kernel: k, roots: roots}
	info, err := readFSInfo(k)
	if err != nil {
		return nil, fmt.Errorf("cannot read file system at %s: %w", path, err)
	}
	fs.info, fs.FSID, fs.sys = info, info.FSID, roots.fsDir(info.FSID)
	return fs, nil
}

func newFS(f *os.File, path string, roots Roots) (*FS, error) {
	err := checkMagic(f)
	if err == nil {
		var fs *FS
		if fs, err = OpenKernel(file{f}, path, roots); err == nil {
			fs.file = f
			return fs, nil
		}
	}
	f.Close()
	return nil, err
}

func checkMagic(f *os.File) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("cannot open %s: %w", f.Name(), err)
	}
	if st.Type != unix.BTRFS_SUPER_MAGIC {
		return fmt.Errorf("cannot open %s: %w", f.Name(), ErrNotBtrfs)
	}
	return nil
}

// Close lets go of the file system.
func (fs *FS) Close() error {
	if fs.file == nil {
		return nil
	}
	return fs.file.Close()
}

// Kernel is what the FS asks, for a [Scanner] of one's own or to wrap it in a
// [Recorder].
func (fs *FS) Kernel() Kernel { return fs.kernel }

// NewScanner makes a Scanner over the file system's trees. Needs CAP_SYS_ADMIN
// when it is used.
func (fs *FS) NewScanner(size int) *Scanner { return NewScanner(fs.kernel, size, fs.info.NodeSize) }

// Sync writes all that is pending and commits: what trees say is then what
// files say. It waits for the disk and changes no content.
func (fs *FS) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := fs.kernel.Ioctl(iocSync, nil); err != nil {
		return fmt.Errorf("cannot sync %s: %w", fs.Path, err)
	}
	return nil
}

// SubvolumeOf is the id of the subvolume that holds the opened path. Open to
// everybody.
func (fs *FS) SubvolumeOf() (uint64, error) {
	tree, _, err := inoLookup(fs.kernel, 0, FirstFree)
	return tree, err
}

// inoLookup resolves a directory of a tree to its path inside it, without
// leading and with trailing slash (struct btrfs_ioctl_ino_lookup_args). With
// tree 0 and FirstFree it names the tree of the open file, without privilege.
func inoLookup(k Kernel, tree, inode uint64) (uint64, string, error) {
	var a [lenInoLookup]byte
	ne.PutUint64(a[0:], tree)
	ne.PutUint64(a[8:], inode)
	if err := k.Ioctl(iocInoLookup, a[:]); err != nil {
		return 0, "", fmt.Errorf("cannot look up inode %d of tree %d: %w", inode, tree, err)
	}
	return ne.Uint64(a[0:]), unix.ByteSliceToString(a[16:]), nil
}

// scanTree calls use for each item of a range.
func (s *Scanner) scanTree(ctx context.Context, r Range, use func(Item) error) error {
	c := s.Scan(ctx, r)
	for c.Next() {
		if err := use(c.Item()); err != nil {
			return err
		}
	}
	return c.Err()
}
