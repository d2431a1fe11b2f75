package scrub

import (
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// How a scrub went.
const (
	Running     = "running"
	Finished    = "finished"
	Cancelled   = "cancelled"
	Interrupted = "interrupted" // whoever ran it ended without a word, or the machine did
	Failed      = "failed"
	Unknown     = "unknown" // its end was not seen
)

// Who told of a run. The later ones know better.
const (
	FromLog      = "kernel log"
	FromProgress = "progress"
	FromFile     = "status file"
	FromRunner   = "runner"
)

var ranks = map[string]int{FromLog: 1, FromProgress: 2, FromFile: 3, FromRunner: 4}

// A Run is one scrub of a file system, over all its devices.
type Run struct {
	Started time.Time `json:"started,omitzero"`
	// Exact: Started is whole seconds and the runner's own, else when it was
	// first seen.
	Exact    bool        `json:"started_exact"`
	Ended    time.Time   `json:"ended,omitzero"`
	Seconds  float64     `json:"duration_sec"`
	Outcome  string      `json:"outcome"`
	Detail   string      `json:"detail,omitempty"`
	Bytes    uint64      `json:"scrubbed_bytes"`
	Total    uint64      `json:"total_bytes,omitempty"` // 0: unknown
	Errors   Errors      `json:"errors"`
	ReadOnly *bool       `json:"read_only"` // repairs nothing; null: unknown
	By       string      `json:"by"`        // program and user; "" unknown
	Source   string      `json:"source"`
	Devices  []DeviceRun `json:"devices"`
	// Of is how many devices the file system had, where the run was started on
	// some of them alone; else 0.
	Of       int      `json:"of_devices,omitempty"`
	Suspects []Window `json:"suspects,omitempty"`
	PID      int      `json:"pid,omitempty"` // of the runner, while it runs
	// Over is when it was seen that nothing ran any more; zero where it was not
	// looked for, because the end is known.
	Over time.Time `json:"seen_over,omitzero"`
	// Marks are the lines of the kernel's log about it.
	Marks []Mark    `json:"log_lines,omitempty"`
	key   time.Time // under which it is stored
	dirty bool      // changed since it was stored
}

// Errors are what a scrub found, by kind; struct btrfs_scrub_progress. Corrected
// and Uncorrectable sum up what became of the others.
type Errors struct {
	Read          uint64 `json:"read"`
	Checksum      uint64 `json:"checksum"`
	Verify        uint64 `json:"verify"`
	Super         uint64 `json:"super"`
	Corrected     uint64 `json:"corrected"`
	Uncorrectable uint64 `json:"uncorrectable"`
	Unverified    uint64 `json:"unverified"`
}

// Found is how many there were.
func (e Errors) Found() uint64 { return e.Read + e.Checksum + e.Verify + e.Super }

func (e Errors) plus(o Errors) Errors {
	return Errors{
		e.Read + o.Read, e.Checksum + o.Checksum, e.Verify + o.Verify, e.Super + o.Super,
		e.Corrected + o.Corrected, e.Uncorrectable + o.Uncorrectable, e.Unverified + o.Unverified,
	}
}

// A DeviceRun is a run on one device.
type DeviceRun struct {
	ID           uint64 `json:"id"`
	Bytes        uint64 `json:"scrubbed_bytes"`
	Total        uint64 `json:"total_bytes,omitempty"` // 0: unknown
	LastPhysical uint64 `json:"last_physical"`
	Outcome      string `json:"outcome"`
	Errors       Errors `json:"errors"`
}

// A Window is a range of a device in which errors were counted.
type Window struct {
	Device uint64 `json:"device"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
}

// ErrorsOf are the errors of a progress.
func ErrorsOf(p btrfs.ScrubProgress) Errors {
	return Errors{
		Read: p.ReadErrors, Checksum: p.ChecksumErrors, Verify: p.VerifyErrors, Super: p.SuperErrors,
		Corrected: p.Corrected, Uncorrectable: p.Uncorrectable, Unverified: p.UnverifiedSectors,
	}
}

// DeviceOf is a progress as a part of a run.
func DeviceOf(p btrfs.ScrubProgress, outcome string) DeviceRun {
	return DeviceRun{ID: p.Device, Bytes: p.DataBytes + p.TreeBytes, LastPhysical: p.LastPhysical, Outcome: outcome, Errors: ErrorsOf(p)}
}

// Seen says whether what a run read and found is known to its end: who saw it
// run alone, or told of it before it was interrupted, knows the rest no more than
// we do.
func (r *Run) Seen() bool {
	return r.Source != FromLog && r.Outcome != Running && r.Outcome != Interrupted && r.Outcome != Unknown && r.Source != FromProgress
}

// Partial says whether a run left out devices that there are.
func (r *Run) Partial() bool { return r.Of > len(r.Devices) }

// Sum puts the sums of the devices into the run.
func (r *Run) Sum() {
	r.Bytes, r.Errors = 0, Errors{}
	total, known := uint64(0), len(r.Devices) > 0
	for _, d := range r.Devices {
		r.Bytes += d.Bytes
		r.Errors = r.Errors.plus(d.Errors)
		total += d.Total
		known = known && d.Total > 0
	}
	if known {
		r.Total = total
	}
}

// FromStatus is what a status file tells; false if it names no device. A run
// that is neither finished nor cancelled is Running here: whether it does is for
// others to see.
func FromStatus(devices []btrfs.ScrubStatus, modified time.Time) (Run, bool) {
	if len(devices) == 0 {
		return Run{}, false
	}
	r := Run{Source: FromFile, Exact: true, Outcome: Finished}
	for _, d := range devices {
		outcome := Running
		switch {
		case d.Canceled:
			outcome = Cancelled
		case d.Finished:
			outcome = Finished
		}
		r.Devices = append(r.Devices, DeviceOf(d.Progress, outcome))
		r.Outcome = Worse(r.Outcome, outcome)
		if !d.Started.IsZero() && (r.Started.IsZero() || d.Started.Before(r.Started)) {
			r.Started = d.Started
		}
		r.Seconds = max(r.Seconds, d.Duration.Seconds())
		from := d.Started
		if d.Resumed.After(from) {
			from = d.Resumed
		}
		if end := from.Add(d.Duration); !from.IsZero() && end.After(r.Ended) {
			r.Ended = end
		}
	}
	if r.Started.IsZero() { // as it is written before the start
		r.Started, r.Exact, r.Ended = modified, false, modified
	}
	// The duration has whole seconds, the file's own time all of them.
	if modified.After(r.Ended) && modified.Sub(r.Ended) < 2*time.Second {
		r.Ended = modified
	}
	if r.Outcome == Running {
		r.Ended = time.Time{}
	}
	r.Sum()
	return r, true
}

// Worse is the outcome of two devices together.
func Worse(a, b string) string {
	order := []string{Finished, Cancelled, Unknown, Failed, Interrupted, Running}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
