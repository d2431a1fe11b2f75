package metrics

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// How much of a file is read. What the kernel gives here is a few kB; a file
// that is longer is not what it claims to be.
const (
	fileMax      = 64 << 10
	mountinfoMax = 8 << 20 // some tens of thousands of mounts
)

var errTooLong = errors.New("longer than expected")

// readFile returns what a kernel file holds, at most limit bytes. It does not
// trust the size that stat reports, which is 0 for most of /proc.
func readFile(path string, limit int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 0, 1024)
	for {
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return string(buf), nil
		case err != nil:
			return "", err
		case int64(len(buf)) > limit:
			return "", errTooLong
		case len(buf) == cap(buf):
			buf = slices.Grow(buf, len(buf))
		}
	}
}

// readWord returns a file's content without the space around it.
func readWord(path string) (string, error) {
	s, err := readFile(path, 4096)
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
