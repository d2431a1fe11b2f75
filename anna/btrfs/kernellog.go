package btrfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A LogLine is what Btrfs said in the kernel's log.
type LogLine struct {
	At     time.Time
	Device string // the kernel's name of one of the file system's devices: sda2, dm-0
	Text   string // "balance: start -dusage=20"
}

// A KernelLog reads /dev/kmsg from the oldest line on that the kernel still has,
// and then what is new. Who may is for kernel.dmesg_restrict to say. It serves
// one goroutine.
type KernelLog struct {
	f      *os.File
	buf    []byte
	zero   time.Time // when the log's clock was 0
	oldest time.Time
}

// OpenKernelLog opens the log at path, /dev/kmsg for "".
func OpenKernelLog(path string) (*KernelLog, error) {
	f, err := os.OpenFile(or(path, "/dev/kmsg"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the kernel's log: %w", err)
	}
	// Its clock stands still while the machine is suspended: a line from before
	// that seems younger than it is.
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		f.Close()
		return nil, fmt.Errorf("cannot read the clock of the kernel's log: %w", err)
	}
	return &KernelLog{f: f, buf: make([]byte, 8<<10), zero: time.Now().Add(-time.Duration(now.Nano()))}, nil
}

// Close closes it.
func (k *KernelLog) Close() error { return k.f.Close() }

// Oldest is when the oldest line was written that was there; zero before the
// first Read.
func (k *KernelLog) Oldest() time.Time { return k.oldest }

// Read returns what Btrfs said since the last Read. It does not wait.
func (k *KernelLog) Read() ([]LogLine, error) {
	conn, err := k.f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("cannot read the kernel's log: %w", err)
	}
	var out []LogLine
	for {
		var n int
		var failed error
		err := conn.Control(func(fd uintptr) { n, failed = unix.Read(int(fd), k.buf) })
		switch err = errors.Join(err, failed); {
		case errors.Is(err, unix.EAGAIN):
			return out, nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // lines were overwritten: go on with the oldest
			continue
		case err != nil:
			return out, fmt.Errorf("cannot read the kernel's log: %w", err)
		case n == 0: // a file, in a test
			return out, nil
		}
		since, device, text, ok := parseKmsg(string(k.buf[:n]))
		at := k.zero.Add(since)
		if k.oldest.IsZero() && since > 0 {
			k.oldest = at
		}
		if ok {
			out = append(out, LogLine{At: at, Device: device, Text: text})
		}
	}
}

// parseKmsg reads one record: "6,339,5140900,-;BTRFS info (device sda2 state M):
// balance: paused" and properties in lines of their own
// (Documentation/ABI/testing/dev-kmsg). Whether it is Btrfs's own word is to be
// seen by its facility, the kernel's: a program's line has another.
func parseKmsg(record string) (since time.Duration, device, text string, ok bool) {
	head, line, found := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !found || len(fields) < 3 {
		return 0, "", "", false
	}
	micros, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || micros < 0 || micros > 1<<53 {
		return 0, "", "", false
	}
	since = time.Duration(micros) * time.Microsecond
	priority, err := strconv.ParseUint(fields[0], 10, 32)
	line, _, _ = strings.Cut(line, "\n")
	if err != nil || priority>>3 != 0 {
		return since, "", "", false
	}
	rest, found := strings.CutPrefix(line, "BTRFS ")
	if !found {
		return since, "", "", false
	}
	_, rest, found = strings.Cut(rest, "(device ")
	device, text, closed := strings.Cut(rest, "): ")
	if !found || !closed {
		return since, "", "", false
	}
	device, _, _ = strings.Cut(device, " state ")
	return since, device, text, device != ""
}
