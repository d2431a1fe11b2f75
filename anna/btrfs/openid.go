package btrfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenSubvolume opens the top directory of a subvolume by its id: also of one
// that no mount shows. Needs CAP_DAC_READ_SEARCH.
func (fs *FS) OpenSubvolume(id uint64) (*os.File, error) {
	f, err := fs.openInode(id, FirstFree, 0, unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("cannot open subvolume %d: %w", id, err)
	}
	return f, nil
}

// OpenInode opens a regular file or directory for reading, by the subvolume and
// its number and generation in it. Needs CAP_DAC_READ_SEARCH.
func (fs *FS) OpenInode(tree, inode, generation uint64) (*os.File, error) {
	f, err := fs.openInode(tree, inode, generation, unix.O_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot open inode %d of subvolume %d: %w", inode, tree, err)
	}
	return f, nil
}

// openInode makes a file handle by hand, as the kernel's fs/btrfs/export.h lays
// it out.
func (fs *FS) openInode(tree, inode, generation uint64, flags int) (*os.File, error) {
	const withoutParent = 0x4d // FILEID_BTRFS_WITHOUT_PARENT
	if fs.file == nil {
		return nil, os.ErrClosed
	}
	handle := make([]byte, 20) // generation 0 means any
	ne.PutUint64(handle[0:], inode)
	ne.PutUint64(handle[8:], tree)
	ne.PutUint32(handle[16:], uint32(generation))
	conn, err := fs.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	closed := conn.Control(func(at uintptr) {
		for {
			fd, err = unix.OpenByHandleAt(int(at), unix.NewFileHandle(withoutParent, handle),
				unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NOATIME|flags)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if closed != nil {
		err = os.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), fmt.Sprintf("inode %d of subvolume %d", inode, tree)), nil
}
