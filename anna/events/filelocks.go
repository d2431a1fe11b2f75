package events

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockedFiles returns the inode numbers of files that somebody holds a write
// lock on (proc_locks(5)): the only way to see a lock on a file that one may
// not open. A file is told by its inode alone, for on Btrfs and overlayfs the
// device there is another than that of stat(2).
func lockedFiles(proc string) (map[uint64]bool, error) {
	f, err := os.Open(proc + "/locks")
	if err != nil {
		return nil, fmt.Errorf("cannot see file locks: %w", err)
	}
	defer f.Close()
	return parseLocks(f)
}

// maxLocks bounds what is read of /proc/locks.
const maxLocks = 1 << 20

func parseLocks(r io.Reader) (map[uint64]bool, error) {
	locked := map[uint64]bool{}
	lines := bufio.NewScanner(io.LimitReader(r, maxLocks))
	for lines.Scan() {
		// "1: POSIX  ADVISORY  WRITE 12 fe:00:345 0 EOF"; "1: -> ..." waits.
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[3] != "WRITE" {
			continue
		}
		device := strings.Split(fields[5], ":")
		if inode, err := strconv.ParseUint(device[len(device)-1], 10, 64); err == nil {
			locked[inode] = true
		}
	}
	return locked, lines.Err()
}

// inodeOf returns 0 where there is no such file.
func inodeOf(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
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
