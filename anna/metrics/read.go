package metrics

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// How much of a file is read. What the kernel gives here is a few kB; a file
// that is longer is not what it claims to be.
const (
	fileMax      = 64 << 10
	mountinfoMax = 8 << 20 // some tens of thousands of mounts
)

var errTooLong = errors.New("longer than expected")

// ReadFile returns what a kernel file holds; more than limit bytes are an error.
// It does not trust the size that stat reports, which is 0 for most of /proc. It
// asks the kernel directly: package os would register every file with the
// poller, which costs more than reading it, every second of a daemon's life.
func ReadFile(path string, limit int64) (string, error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	})
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	buf := make([]byte, 0, 1024)
	for {
		n, err := retry(func() (int, error) { return syscall.Read(fd, buf[len(buf):cap(buf)]) })
		switch {
		case err != nil:
			return "", &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return string(buf), nil
		}
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return "", errTooLong
		case len(buf) == cap(buf):
			buf = slices.Grow(buf, len(buf))
		}
	}
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// readWord returns a file's content without the space around it.
func readWord(path string) (string, error) {
	s, err := ReadFile(path, 4096)
	return strings.TrimSpace(s), err
}

func parseUint(s string) (uint64, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, errors.New("not a number: " + quote(s))
	}
	return v, nil
}

// quote makes a foreign string fit for a message: escaped and short.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}
