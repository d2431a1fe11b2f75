package annatest

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlBytes passes a buffer.
func ioctlBytes(f *os.File, request uintptr, arg []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&arg[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
