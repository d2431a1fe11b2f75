package events

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A fileID tells a file from all others.
type fileID struct{ device, inode uint64 }

// A lockSet is the files that somebody holds a write lock on.
type lockSet map[fileID]bool

// lockedFiles reads them from /proc/locks (proc_locks(5)): the only way to see
// a lock on a file that one may not open.
func lockedFiles(proc string) (lockSet, error) {
	f, err := os.Open(proc + "/locks")
	if err != nil {
		return nil, fmt.Errorf("cannot see file locks: %w", err)
	}
	defer f.Close()
	return parseLocks(f)
}

// maxLocks bounds what is read of /proc/locks.
const maxLocks = 1 << 20

func parseLocks(r io.Reader) (lockSet, error) {
	locked := lockSet{}
	lines := bufio.NewScanner(io.LimitReader(r, maxLocks))
	for lines.Scan() {
		// "1: POSIX  ADVISORY  WRITE 12 fe:00:345 0 EOF"; "1: -> ..." waits.
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[3] != "WRITE" {
			continue
		}
		var major, minor uint32
		var inode uint64
		if n, _ := fmt.Sscanf(fields[5], "%x:%x:%d", &major, &minor, &inode); n == 3 {
			locked[fileID{unix.Mkdev(major, minor), inode}] = true
		}
	}
	return locked, lines.Err()
}

// holds says whether id is locked. On Btrfs and overlayfs the device of
// stat(2) is another than that of the lock; where both are of no disk
// (major 0) the inode alone must do, and the answer is not sure.
func (s lockSet) holds(id fileID) (held, sure bool) {
	if s[id] {
		return true, true
	}
	if unix.Major(id.device) != 0 {
		return false, true
	}
	for other := range s {
		if other.inode == id.inode && unix.Major(other.device) == 0 {
			return true, false
		}
	}
	return false, true
}

// fileIDOf is false where there is no such file.
func fileIDOf(path string) (fileID, bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return fileID{}, false
	}
	return fileID{st.Dev, st.Ino}, true
}

// stampOf is what tells one content of a file from the next, without reading
// it; "" where there is none.
func stampOf(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%d:%d.%09d", st.Dev, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
}
