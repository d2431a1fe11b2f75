package metrics

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"time"
)

// statusSize returns a "VmRSS:   1234 kB" line of /proc/PID/status in bytes. A
// kernel thread and a zombie have no such line: unknown, not 0.
func statusSize(text, key string) Figure[uint64] { return sizeOf("/proc/PID/status", text, key) }

// memorySize returns a "MemTotal:   1234 kB" line of /proc/meminfo in bytes.
func memorySize(text, key string) Figure[uint64] { return sizeOf("/proc/meminfo", text, key) }

func sizeOf(file, text, key string) Figure[uint64] {
	value, ok := keyed(text, key+":")
	if !ok {
		return Unknownf[uint64]("%s has no %s", file, key)
	}
	number, unit, _ := strings.Cut(value, " ")
	kb, err := parseUint(number)
	if err != nil || strings.TrimSpace(unit) != "kB" || kb > math.MaxUint64>>10 {
		return Unknownf[uint64]("%s has a strange %s: %s", file, key, quote(value))
	}
	return Known(kb << 10)
}

// stat is what is wanted of /proc/PID/stat, see proc_pid_stat(5).
type stat struct {
	name         string
	utime, stime uint64 // 1/UserHZ s
	threads      uint64
	start        uint64 // 1/UserHZ s after boot
}

// parseStat reads a stat line. The name stands in parentheses and may itself
// hold spaces, parentheses and line breaks, so it ends at the last ')'.
func parseStat(text string) (stat, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, errors.New("/proc/PID/stat has no name in parentheses")
	}
	// Fields are numbered from 1 in the manual; the state, the first here, is 3.
	fields := strings.Fields(text[end+1:])
	field := func(number int) string { return fields[number-3] }
	if len(fields) < 22-2 {
		return stat{}, errors.New("/proc/PID/stat is cut short")
	}
	st := stat{name: text[open+1 : end]}
	for _, f := range []struct {
		number int
		into   *uint64
	}{{14, &st.utime}, {15, &st.stime}, {20, &st.threads}, {22, &st.start}} {
		v, err := parseUint(field(f.number))
		if err != nil {
			return stat{}, errors.New("/proc/PID/stat: " + err.Error())
		}
		*f.into = v
	}
	return st, nil
}

// openFilesLimit returns the soft limit of the "Max open files" row.
func openFilesLimit(text string) Figure[uint64] {
	row, ok := keyed(text, "Max open files")
	if !ok {
		return Unknown[uint64]("/proc/PID/limits has no row for open files")
	}
	soft, _, _ := strings.Cut(row, " ")
	if soft == "unlimited" {
		return Unknown[uint64]("open files are not limited")
	}
	v, err := parseUint(soft)
	if err != nil {
		return Unknownf[uint64]("/proc/PID/limits: %v", err)
	}
	return Known(v)
}

// bootTime reads btime of /proc/stat: seconds since the epoch, proc_stat(5).
func bootTime(f *files, procRoot string) Figure[time.Time] {
	text, err := f.read(filepath.Join(procRoot, "stat"), machineMax)
	if err != nil {
		return unknownErr[time.Time]("/proc/stat", err)
	}
	value, ok := keyed(text, "btime ")
	sec, perr := parseUint(value)
	if !ok || perr != nil || sec > 1<<40 {
		return Unknown[time.Time]("/proc/stat has no boot time")
	}
	return Known(time.Unix(int64(sec), 0))
}
