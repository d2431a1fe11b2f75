package btrfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// le is the byte order of everything on a Btrfs disk. Arguments of ioctls are
// in the machine's own order, see ne.
var (
	le = binary.LittleEndian
	ne = binary.NativeEndian
)

// The ioctls that this package knows, as linux/btrfs.h numbers them on every
// architecture with the generic ioctl layout (all but alpha, mips, powerpc,
// sparc, where [iocSupported] refuses).
const (
	iocSync            = 0x00009408
	iocTreeSearchV2    = 0xc0709411
	iocInoLookup       = 0xd0009412
	iocSpaceInfo       = 0xc0109414
	iocStartSync       = 0x80089418
	iocScrub           = 0xc400941b
	iocScrubCancel     = 0x0000941c
	iocScrubProgress   = 0xc400941d
	iocDevInfo         = 0xd000941e
	iocFSInfo          = 0x8400941f
	iocBalanceV2       = 0xc4009420
	iocBalanceCtl      = 0x40049421
	iocBalanceProgress = 0x84009422
	iocGetDevStats     = 0xc4089434
	iocDevReplace      = 0xca289435
	iocGetFeatures     = 0x80189439
	iocLogicalInoV2    = 0xc038943b
	iocSubvolInfo      = 0x81f8943c
	iocSubvolRootRef   = 0xd000943d
	iocInoLookupUser   = 0xd000943e
)

// Sizes of the arguments, where they are fixed.
const (
	lenSearchArgs    = 112
	lenInoLookup     = 4096
	lenDevInfo       = 4096
	lenFSInfo        = 1024
	lenScrub         = 1024
	lenBalance       = 1024
	lenDevStats      = 1032
	lenDevReplace    = 2600
	lenFeatures      = 24
	lenLogicalIno    = 56
	lenSubvolInfo    = 504
	lenRootRefs      = 4096 // and INO_LOOKUP_USER's
	lenSpaceInfoHead = 16
	lenSpaceInfo     = 24
)

// A Kernel answers the ioctls of one open file of a Btrfs file system. arg is
// the whole argument, header and inline buffer; the answer is written into it.
// Where the number of a request carries a direct value instead of a pointer,
// arg holds that value as 4 bytes (BALANCE_CTL).
//
// The errors of an implementation wrap a [unix.Errno].
type Kernel interface {
	Ioctl(request uint32, arg []byte) error
}

// file is the running kernel, asked through an open file or directory.
type file struct{ f *os.File }

// Ioctl implements [Kernel]. A closed file gives os.ErrClosed, never a call on
// a descriptor that meanwhile means something else.
func (h file) Ioctl(request uint32, arg []byte) error {
	conn, err := h.f.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = conn.Control(func(fd uintptr) { errno = ioctl(fd, request, arg) })
	if err != nil {
		return os.ErrClosed
	}
	if errno != 0 {
		return errno
	}
	return nil
}

func ioctl(fd uintptr, request uint32, arg []byte) unix.Errno {
	if !iocSupported {
		return unix.ENOTTY
	}
	for {
		var errno unix.Errno
		switch {
		case request == iocBalanceCtl:
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(ne.Uint32(arg)))
		case len(arg) == 0:
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), 0)
		default:
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(unsafe.Pointer(&arg[0])))
		}
		// A signal of the Go runtime must not look like a failure; a
		// scrub or balance that was interrupted is the caller's to
		// judge.
		if errno == unix.EINTR && request != iocScrub && request != iocBalanceV2 {
			continue
		}
		return errno
	}
}

// iocSupported is false where ioctl numbers have another layout: no call is
// better than a wrong one.
var iocSupported = func() bool {
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le":
		return false
	}
	return true
}()

// open opens a path for ioctls: without touching its access time where the
// kernel lets us (only owners and root may ask for that), without waiting on a
// FIFO.
func open(path string) (*os.File, error) {
	return openAt(unix.AT_FDCWD, path, 0)
}

func openAt(dir int, path string, flags int) (*os.File, error) {
	flags |= unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	for _, noatime := range []int{unix.O_NOATIME, 0} {
		for {
			fd, err := unix.Openat(dir, path, flags|noatime, 0)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case err == nil:
				return os.NewFile(uintptr(fd), path), nil
			case noatime != 0 && errors.Is(err, unix.EPERM):
			default:
				return nil, fmt.Errorf("cannot open %s: %w", path, err)
			}
			break
		}
	}
	panic("unreachable")
}
