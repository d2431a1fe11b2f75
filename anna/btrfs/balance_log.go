package btrfs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How a balance ended.
const (
	BalanceRunning   = "running"
	BalanceFinished  = "finished"
	BalanceFailed    = "failed"
	BalanceCancelled = "cancelled"
	BalancePaused    = "paused"
	// BalanceUnknown: the end was not seen, or how it ended.
	BalanceUnknown = "unknown"
)

// A BalanceRun is one run of a balance, from a start or resume to its end.
type BalanceRun struct {
	Started, Ended time.Time // zero: not seen
	Outcome        string
	Detail         string // its filters, and the error where it failed
}

// A BalanceLog puts the runs of balance together from the kernel's log. The log
// names a device, which was another file system's before: each mount says whose
// it is.
type BalanceLog struct {
	owner map[string]UUID
	last  map[UUID]*BalanceRun
}

// NewBalanceLog makes one that knows nothing.
func NewBalanceLog() *BalanceLog {
	return &BalanceLog{owner: map[string]UUID{}, last: map[UUID]*BalanceRun{}}
}

// Last is the last run on a file system; false for none.
func (b *BalanceLog) Last(id UUID) (BalanceRun, bool) {
	if r := b.last[id]; r != nil {
		return *r, true
	}
	return BalanceRun{}, false
}

// Add takes in lines, in order. known finds the file system of a device whose
// mount the log no longer shows; false when it does not know either.
func (b *BalanceLog) Add(lines []LogLine, known func(device string) (UUID, bool)) (changed []UUID) {
	for _, l := range lines {
		if word, ok := strings.CutPrefix(l.Text, "first mount of filesystem "); ok {
			if id, err := ParseUUID(strings.TrimSpace(word)); err == nil {
				b.owner[l.Device] = id
			}
			continue
		}
		word, ok := strings.CutPrefix(l.Text, "balance: ")
		if !ok {
			continue
		}
		id, ok := b.owner[l.Device]
		if !ok {
			if id, ok = known(l.Device); !ok {
				continue
			}
		}
		if b.take(id, l.At, word) && !slices.Contains(changed, id) {
			changed = append(changed, id)
		}
	}
	return changed
}

// take understands what follows "balance: " (btrfs_balance, describe_balance_start_or_resume).
func (b *BalanceLog) take(id UUID, at time.Time, word string) bool {
	for _, begin := range []string{"start", "resume"} {
		if filters, ok := strings.CutPrefix(word, begin); ok && (filters == "" || filters[0] == ' ') {
			b.last[id] = &BalanceRun{Started: at, Outcome: BalanceRunning, Detail: begin + filters}
			return true
		}
	}
	var outcome, why string
	switch status, ok := strings.CutPrefix(word, "ended with status: "); {
	case word == "paused":
		outcome = BalancePaused
	case word == "canceled":
		outcome = BalanceCancelled
	case ok:
		n, err := strconv.Atoi(status)
		switch {
		case err != nil:
			return false
		case n == 0:
			outcome = BalanceFinished
		case n == -int(unix.ECANCELED):
			outcome = BalanceCancelled
		default:
			outcome, why = BalanceFailed, unix.Errno(-n).Error()
		}
	default:
		return false
	}
	r := b.last[id]
	if r == nil || !r.Ended.IsZero() { // its start is no longer in the log
		r = &BalanceRun{}
		b.last[id] = r
	}
	r.Ended, r.Outcome = at, outcome
	if why != "" {
		r.Detail = strings.TrimPrefix(r.Detail+": "+why, ": ")
	}
	return true
}

// DeviceOwner finds the mounted file system that a device belongs to, by the
// kernel's name of the device.
func DeviceOwner(r Roots) func(device string) (UUID, bool) {
	return func(device string) (UUID, bool) {
		ids, err := sysDir(r.sys()).names("fs/btrfs")
		if err != nil {
			return UUID{}, false
		}
		for _, name := range ids {
			id, err := ParseUUID(name)
			if err != nil {
				continue
			}
			if devices, err := r.fsDir(id).names("devices"); err == nil && slices.Contains(devices, device) {
				return id, true
			}
		}
		return UUID{}, false
	}
}
