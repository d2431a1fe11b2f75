package annatest

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlBytes passes a buffer; the result does not matter to those who call it.
func ioctlBytes(f *os.File, request uintptr, arg []byte) {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&arg[0])))
}
