package diagnose

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// StartTime returns when a process began, in clock ticks since boot; with the
// pid it names a process for good, where a pid alone may be another's by now.
// ok is false when there is no such process.
func StartTime(procRoot string, pid int) (ticks uint64, ok bool) {
	stat, err := os.ReadFile(filepath.Join(procRoot, strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, false
	}
	// The command may hold spaces and parentheses: cut at the last one.
	_, rest, found := bytes.Cut(stat[max(bytes.LastIndexByte(stat, ')'), 0):], []byte(") "))
	fields := bytes.Fields(rest)
	if !found || len(fields) < 20 { // field 22 of stat is the 20th after the command
		return 0, false
	}
	if fields[0][0] == 'Z' {
		return 0, false // dead, and only not yet waited for
	}
	ticks, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return ticks, err == nil
}

// findDaemon looks for a process called annad, for when no words were left.
func findDaemon(procRoot string) (pid int, ok bool) {
	comms, err := filepath.Glob(filepath.Join(procRoot, "[0-9]*", "comm"))
	if err != nil {
		return 0, false
	}
	for _, path := range comms {
		comm, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(comm)) != "annad" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			if _, alive := StartTime(procRoot, pid); alive {
				return pid, true
			}
		}
	}
	return 0, false
}
