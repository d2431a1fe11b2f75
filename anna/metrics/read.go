package metrics

import (
	"errors"
	"io"
	"os"
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
	var b strings.Builder
	b.Grow(2048)
	n, err := io.Copy(&b, io.LimitReader(f, limit+1))
	if err != nil {
		return "", err
	}
	if n > limit {
		return "", errTooLong
	}
	return b.String(), nil
}

// readWord returns a file's content without the space around it.
func readWord(path string) (string, error) {
	s, err := readFile(path, 4096)
	return strings.TrimSpace(s), err
}

// readUint reads a file that holds one number.
func readUint(path string) (uint64, error) {
	s, err := readWord(path)
	if err != nil {
		return 0, err
	}
	return parseUint(s)
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
