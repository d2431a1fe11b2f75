package btrfs

import (
	"cmp"
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
	At time.Time
	// Early and Late are how much before and after At it may have been written.
	Early, Late time.Duration
	// Boot is the boot that it is of, as the kernel names it, and Clock the
	// log's own time: together they say which line this is, also when it is
	// read again and the machine's clock has been set.
	Boot   string
	Clock  time.Duration
	Device string // the kernel's name of one of the file system's devices: sda2, dm-0
	Text   string // "balance: start -dusage=20"
}

// A KernelLog reads /dev/kmsg from the oldest line on that the kernel still has,
// and then what is new. Who may is for kernel.dmesg_restrict to say. It serves
// one goroutine.
//
// The log has a clock of its own. It stands still while the machine is
// suspended, is not set with the machine's, and goes a little too fast or too
// slow. A line that is new was written since the last Read, whatever its clock
// says; one that was there before may be older than it seems.
type KernelLog struct {
	f      plainFile
	buf    []byte
	boot   string
	last   time.Duration // the monotonic time of the last Read; 0: none yet
	oldest time.Time
}

// How far the log's clock is from the monotonic one: it is started a moment
// apart, and a cheap oscillator is off by a ten-thousandth at the worst.
const (
	logClockSlack = 300 * time.Millisecond
	logClockDrift = 10_000
)

// OpenKernelLog opens the log at path, /dev/kmsg for "".
func OpenKernelLog(path string) (*KernelLog, error) {
	// Not through package os, whose poller would wake the process for every line
	// that the kernel writes.
	f, err := openPlain(cmp.Or(path, "/dev/kmsg"), unix.O_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot read the kernel's log: %w", err)
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // without it lines of two boots may be taken for one
	return &KernelLog{f: f, buf: make([]byte, 8<<10), boot: strings.TrimSpace(string(boot))}, nil
}

// clocks are the wall's time, the monotonic one, and for how long the machine
// was suspended since it started.
func clocks() (now time.Time, mono, asleep time.Duration, err error) {
	var m, b unix.Timespec
	if err := errors.Join(unix.ClockGettime(unix.CLOCK_MONOTONIC, &m), unix.ClockGettime(unix.CLOCK_BOOTTIME, &b)); err != nil {
		return time.Time{}, 0, 0, fmt.Errorf("cannot read the clock of the kernel's log: %w", err)
	}
	now, mono = time.Now(), time.Duration(m.Nano())
	return now, mono, max(0, time.Duration(b.Nano())-mono), nil
}

// Close closes it; more than once does nothing.
func (k *KernelLog) Close() {
	if k.f.fd >= 0 {
		k.f.Close()
		k.f.fd = -1
	}
}

// Oldest is when the oldest line was written that was there; zero before the
// first Read.
func (k *KernelLog) Oldest() time.Time { return k.oldest }

// Read returns what Btrfs said since the last Read. It does not wait.
func (k *KernelLog) Read() ([]LogLine, error) {
	now, mono, asleep, err := clocks()
	if err != nil {
		return nil, err
	}
	last := k.last
	k.last = mono
	var out []LogLine
	for {
		n, err := unix.Read(k.f.fd, k.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return out, nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // lines were overwritten: go on with the oldest
			continue
		case err != nil:
			return out, fmt.Errorf("cannot read the kernel's log: %w", err)
		case n == 0: // a file, in a test
			return out, nil
		}
		clock, device, text, ok := parseKmsg(string(k.buf[:n]))
		if k.oldest.IsZero() && clock > 0 {
			k.oldest = now.Add(clock - mono)
		}
		if ok {
			l := LogLine{Boot: k.boot, Clock: clock, Device: device, Text: text}
			l.place(now, mono, last, asleep)
			out = append(out, l)
		}
	}
}

// place finds out when a line was written that was read at now, and not by the
// Read before, at the monotonic time last (0: there was none).
func (l *LogLine) place(now time.Time, mono, last, asleep time.Duration) {
	drift := logClockSlack + l.Clock/logClockDrift
	at := min(max(l.Clock, last), mono)
	l.At = now.Add(at - mono)
	l.Early, l.Late = drift, min(drift, mono-at)
	if last > 0 {
		l.Early = min(drift, at-last)
	} else {
		l.Early += asleep
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
