package events

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A spoolDir is the directory of the spool, opened once: every file is reached
// through the descriptor, by a plain name, and never through a link.
type spoolDir struct {
	dir  *os.File
	lock *os.File
	next uint64 // generation of the next segment
}

const (
	spoolPrefix = "events-"
	spoolSuffix = ".spool"
	spoolLock   = "events.lock"
	asideMark   = ".damaged-"
	asideMost   = 3 // damaged spools that are kept
)

func segmentName(generation uint64) string {
	return fmt.Sprintf("%s%016x%s", spoolPrefix, generation, spoolSuffix)
}

// openSpoolDir opens path and takes the lock (flock(2): gone with the process,
// however it ends).
func openSpoolDir(path string) (*spoolDir, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the event spool directory %s: %w", path, err)
	}
	d := &spoolDir{dir: os.NewFile(uintptr(fd), path), next: 1}
	d.lock, err = d.open(spoolLock, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		// A read-only file system still lets a file be read and locked.
		if d.lock, err = d.open(spoolLock, unix.O_RDONLY); err != nil {
			d.dir.Close()
			return nil, fmt.Errorf("cannot open the lock of the event spool in %s: %w", path, err)
		}
	}
	if err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.close()
		if isLocked(err) {
			err = errForeign
		}
		return nil, fmt.Errorf("cannot lock the event spool in %s: %w", path, err)
	}
	if all := d.generations(); len(all) > 0 {
		d.next = slices.Max(all) + 1
	}
	return d, nil
}

// open opens a regular file of the directory.
func (d *spoolDir) open(name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(d.dir.Fd()), name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (d *spoolDir) create(generation uint64) (*os.File, error) {
	return d.open(segmentName(generation), unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_APPEND)
}

func (d *spoolDir) remove(generation uint64) {
	// What stays is read again at the next start, and older than the rest.
	_ = unix.Unlinkat(int(d.dir.Fd()), segmentName(generation), 0)
}

func (d *spoolDir) sync() error { return d.dir.Sync() }

func (d *spoolDir) close() {
	if d.lock != nil {
		d.lock.Close()
	}
	d.dir.Close()
}

// generations lists the segments that are there, newest first.
func (d *spoolDir) generations() []uint64 {
	var all []uint64
	for _, name := range d.names() {
		hex, begins := strings.CutPrefix(name, spoolPrefix)
		hex, ends := strings.CutSuffix(hex, spoolSuffix)
		if !begins || !ends || len(hex) != 16 {
			continue
		}
		if n, err := strconv.ParseUint(hex, 16, 64); err == nil {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

func (d *spoolDir) names() []string {
	if _, err := d.dir.Seek(0, 0); err != nil {
		return nil
	}
	names, _ := d.dir.Readdirnames(-1)
	return names
}

// rename sets a segment aside under a dated name and removes the oldest of
// those set aside before, so that damage cannot fill the disk.
func (d *spoolDir) rename(generation uint64, now time.Time) (string, error) {
	from := segmentName(generation)
	to := from + asideMark + now.UTC().Format("20060102T150405.000000000")
	fd := int(d.dir.Fd())
	if err := unix.Renameat(fd, from, fd, to); err != nil {
		return "", err
	}
	var aside []string
	for _, name := range d.names() {
		if strings.HasPrefix(name, spoolPrefix) && strings.Contains(name, asideMark) {
			aside = append(aside, name)
		}
	}
	slices.SortFunc(aside, func(a, b string) int { // by date, not by generation
		_, a, _ = strings.Cut(a, asideMark)
		_, b, _ = strings.Cut(b, asideMark)
		return strings.Compare(a, b)
	})
	for len(aside) > asideMost {
		_ = unix.Unlinkat(fd, aside[0], 0)
		aside = aside[1:]
	}
	return to, nil
}
