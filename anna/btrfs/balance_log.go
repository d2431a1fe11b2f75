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

// A BalanceLog puts the runs of balance together from the kernel's log.
type BalanceLog struct {
	owner LogOwner
	last  map[UUID]*BalanceRun
}

// NewBalanceLog makes one that knows nothing.
func NewBalanceLog() *BalanceLog {
	return &BalanceLog{last: map[UUID]*BalanceRun{}}
}

// Last is the last run on a file system; false for none.
func (b *BalanceLog) Last(id UUID) (BalanceRun, bool) {
	if r := b.last[id]; r != nil {
		return *r, true
	}
	return BalanceRun{}, false
}

// Add takes in lines, in order. now finds the file system that a device has at
// the moment, for what the log does not say; zero for none.
func (b *BalanceLog) Add(lines []LogLine, now func(device string) UUID) (changed []UUID) {
	ofBalance := func(text string) bool { return strings.HasPrefix(text, balanceSays) }
	for _, l := range b.owner.Own(lines, ofBalance, now) {
		if b.take(l.FS, l.At, strings.TrimPrefix(l.Text, balanceSays)) && !slices.Contains(changed, l.FS) {
			changed = append(changed, l.FS)
		}
	}
	return changed
}

// EndUnseen notes that a balance which runs, as far as the log says, runs no
// more: the line of its end was left out. false where the log has an end.
func (b *BalanceLog) EndUnseen(id UUID, at time.Time) (BalanceRun, bool) {
	r := b.last[id]
	if r == nil || r.Outcome != BalanceRunning {
		return BalanceRun{}, false
	}
	r.Ended, r.Outcome = at, BalanceUnknown
	return *r, true
}

const balanceSays = "balance: "

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
