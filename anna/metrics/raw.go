package metrics

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows are system calls that the Go runtime is not told of (see
// files): while one runs, the runtime cannot give the thread's share of the
// processors (GOMAXPROCS) to another goroutine. They are therefore only for
// files that the kernel makes up as they are read, which never wait for a disk.

// rewind goes back to the beginning of a file.
func rewind(fd uintptr) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET); errno != 0 {
		return errno
	}
	return nil
}

func rawRead(fd uintptr, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// rawSize is the size that an open file claims.
func rawSize(fd uintptr) (uint64, error) {
	var st unix.Statx_t
	empty := [1]byte{}
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, fd, uintptr(unsafe.Pointer(&empty)),
		unix.AT_EMPTY_PATH, unix.STATX_SIZE, uintptr(unsafe.Pointer(&st)), 0)
	if errno != 0 {
		return 0, errno
	}
	return st.Size, nil
}

// rawLinks is how many names a file has.
func rawLinks(path string) (uint32, error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return 0, err
	}
	var st unix.Statx_t
	here := unix.AT_FDCWD
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(name)), 0, unix.STATX_NLINK, uintptr(unsafe.Pointer(&st)), 0)
	if errno != 0 {
		return 0, errno
	}
	return st.Nlink, nil
}
