package btrfs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Roots are where the kernel's file systems are mounted. A zero field means
// the usual place.
type Roots struct {
	Sys       string // /sys
	Mountinfo string // /proc/self/mountinfo
}

func (r Roots) sys() string { return cmp.Or(r.Sys, "/sys") }

func (r Roots) mountinfo() string { return cmp.Or(r.Mountinfo, "/proc/self/mountinfo") }

// A sysDir is one directory below /sys.
type sysDir string

func (r Roots) fsDir(id UUID) sysDir {
	return sysDir(filepath.Join(r.sys(), "fs/btrfs", id.String()))
}

// errHidden is why nothing of sysfs can be read at all, as in most containers.
var errHidden = errors.New("/sys/fs/btrfs is not to be seen here")

// opened explains why a file or directory could not be opened: one that is not
// there says nothing where none is.
func (d sysDir) opened(err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	above, _, found := strings.Cut(string(d), "/fs/btrfs/")
	if !found {
		return err
	}
	if _, statErr := os.Stat(above + "/fs/btrfs"); errors.Is(statErr, os.ErrNotExist) {
		return errHidden
	}
	return err
}

// maxSysfs is more than the page that the kernel lets an attribute fill.
const maxSysfs = 64 << 10

// text reads an attribute without its newline.
func (d sysDir) text(name string) (string, error) {
	path := filepath.Join(string(d), name)
	f, err := openPlain(path, 0)
	if err != nil {
		return "", d.opened(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSysfs))
	if errors.Is(err, unix.ENODEV) {
		// How sysfs answers while the object behind it goes away.
		err = fmt.Errorf("%s: it went away: %w", path, os.ErrNotExist)
	}
	return strings.TrimSuffix(string(b), "\n"), err
}

// A plainFile is read with system calls alone. Package os would try to register
// every file with the runtime's poller, which takes more calls than reading it;
// and there are a hundred of them to a file system, every minute of a daemon's
// life.
type plainFile struct {
	fd   int
	path string
}

func openPlain(path string, flags int) (plainFile, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return plainFile{}, &os.PathError{Op: "open", Path: path, Err: err}
		default:
			return plainFile{fd, path}, nil
		}
	}
}

func (f plainFile) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(f.fd, b)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: f.path, Err: err}
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (f plainFile) Close() { unix.Close(f.fd) }

// number reads an attribute that holds one number.
func (d sysDir) number(name string) (uint64, error) {
	s, err := d.text(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read %s: %.40q is no number", filepath.Join(string(d), name), s)
	}
	return n, nil
}

// flag reads an attribute that holds 0 or 1.
func (d sysDir) flag(name string) (bool, error) {
	n, err := d.number(name)
	return n != 0, err
}

// names lists a directory.
func (d sysDir) names(dir string) ([]string, error) {
	f, err := os.Open(filepath.Join(string(d), dir))
	if err != nil {
		return nil, d.opened(err)
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// pairs reads lines of a word and a number, such as error_stats.
func (d sysDir) pairs(name string) (map[string]uint64, error) {
	s, err := d.text(name)
	if err != nil {
		return nil, err
	}
	m := map[string]uint64{}
	for line := range strings.Lines(s) {
		word, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("cannot read %s: line %.40q", filepath.Join(string(d), name), line)
		}
		m[word] = n
	}
	return m, nil
}
