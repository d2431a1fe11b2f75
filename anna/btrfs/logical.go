package btrfs

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Owner is a place in a file that refers to an extent: the subvolume, the
// inode in it, and where in the file the reference begins.
type Owner struct {
	Tree, Inode, Offset uint64
}

const (
	ownersRoom = 64 << 10
	ownersMost = 16 << 20 // the kernel's own bound
	ownerSize  = 24
	ownersHead = 16 // struct btrfs_data_container
)

// Owners finds every place that refers to the data extent at a logical address,
// whichever part of it, in all subvolumes and snapshots; none where nothing does.
// It is as of the last commit. Needs CAP_SYS_ADMIN (LOGICAL_INO_V2, Linux 4.15).
func (fs *FS) Owners(extent uint64) ([]Owner, error) {
	for room := ownersRoom; ; {
		buf := make([]byte, room)
		var a [lenLogicalIno]byte // struct btrfs_ioctl_logical_ino_args
		ne.PutUint64(a[0:], extent)
		ne.PutUint64(a[8:], uint64(len(buf)))
		ne.PutUint64(a[40:], 1) // BTRFS_LOGICAL_INO_ARGS_IGNORE_OFFSET
		ne.PutUint64(a[48:], uint64(uintptr(unsafe.Pointer(&buf[0]))))
		err := fs.kernel.Ioctl(iocLogicalInoV2, a[:])
		runtime.KeepAlive(buf)
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot find who owns the extent at %d: %w", extent, err)
		}
		owners, lacks, err := parseOwners(buf)
		if err != nil || lacks == 0 {
			return owners, err
		}
		if room >= ownersMost {
			return owners, fmt.Errorf("cannot find all who own the extent at %d: more than %d places", extent, len(owners))
		}
		room = min(2*(room+int(lacks)), ownersMost)
	}
}

// parseOwners reads a struct btrfs_data_container; lacks is how many bytes did
// not fit.
func parseOwners(b []byte) (owners []Owner, lacks uint32, err error) {
	if len(b) < ownersHead {
		return nil, 0, short("owners", len(b), ownersHead)
	}
	lacks = ne.Uint32(b[4:])
	n := int(ne.Uint32(b[8:]))
	if n%3 != 0 || n > (len(b)-ownersHead)/8 {
		return nil, 0, fmt.Errorf("cannot read owners: %d numbers in %d bytes", n, len(b))
	}
	owners = make([]Owner, 0, n/3)
	for at := ownersHead; len(owners) < n/3; at += ownerSize {
		owners = append(owners, Owner{Inode: ne.Uint64(b[at:]), Offset: ne.Uint64(b[at+8:]), Tree: ne.Uint64(b[at+16:])})
	}
	return owners, lacks, nil
}

// isSubvolume says whether a tree is one of files that people see.
func isSubvolume(tree uint64) bool {
	return tree == TreeTop || tree >= FirstFree && tree <= LastFree
}
