package scrub

import (
	"slices"
	"time"
)

// kernelEnd is how and when a run ended as the log says, of all its devices; ""
// where it does not.
func (r *Run) kernelEnd() (outcome, detail string, at time.Time) {
	ended := map[uint64]bool{}
	outcome = Finished
	for _, m := range r.Marks {
		if m.starts() {
			continue
		}
		ended[m.Device], at = true, m.At
		if outcome = Worse(outcome, m.Outcome); m.Detail != "" {
			detail = m.Detail
		}
	}
	for _, d := range r.Devices {
		if !ended[d.ID] {
			return "", "", time.Time{}
		}
	}
	if len(ended) == 0 {
		return "", "", time.Time{}
	}
	return outcome, detail, at
}

// logSays begins what is said of a run that nobody but the log knows the end of.
const logSays = "the kernel's log says "

// refine puts what the marks tell into a run, where nobody knows better.
func (r *Run) refine() {
	r.dirty = true
	if ranks[r.Source] <= ranks[FromProgress] {
		r.fromMarks()
	}
	outcome, detail, at := r.kernelEnd()
	switch {
	case r.Source == FromLog:
		r.logAlone(outcome, detail, at)
	case outcome == "" || r.Outcome == Running || r.endTold():
	case r.Source == FromProgress:
		r.Outcome, r.Ended, r.Detail = outcome, at, detail
		r.settleDevices()
	case outcome == Finished:
		r.Detail = logSays + "that it went on to the end; what it found is not known"
	case outcome == Interrupted:
		r.Ended = at
	default:
		r.Detail = logSays + "how it ended: " + outcome
		if detail != "" {
			r.Detail += ": " + detail
		}
	}
	if !r.Ended.IsZero() && r.Outcome != Running && !r.endTold() {
		r.Seconds = max(0, r.Ended.Sub(r.Started).Seconds())
	}
}

// fromMarks takes the beginning and the devices of a run from its marks.
func (r *Run) fromMarks() {
	if r.Source == FromLog {
		r.Started, r.Devices, r.Exact = time.Time{}, nil, false
	}
	for _, m := range r.Marks {
		if !r.Exact && (r.Started.IsZero() || m.At.Before(r.Started)) {
			r.Started = m.At
		}
		at := slices.IndexFunc(r.Devices, func(d DeviceRun) bool { return d.ID == m.Device })
		if at < 0 {
			r.Devices = append(slices.Clip(r.Devices), DeviceRun{ID: m.Device, Outcome: m.Outcome})
		} else if r.Source == FromLog || r.Devices[at].Outcome == Running {
			r.Devices = slices.Clone(r.Devices)
			r.Devices[at].Outcome = m.Outcome
		}
	}
}

// noEnd is said where the log has a beginning alone.
const noEnd = "the kernel's log does not have its end"

// logAlone is the outcome of a run that the log alone tells of.
func (r *Run) logAlone(outcome, detail string, at time.Time) {
	r.Seconds = 0
	switch {
	case outcome != "":
		r.Outcome, r.Detail, r.Ended = outcome, detail, at
		if !r.Marks[0].starts() {
			r.Detail = "the kernel's log does not have its beginning"
		}
	case r.Over.IsZero():
		r.Outcome, r.Detail, r.Ended = Running, "", time.Time{}
	default:
		r.Outcome, r.Detail, r.Ended = Unknown, noEnd, time.Time{}
		r.settleDevices()
	}
}

// settleDevices gives devices whose end nobody saw that of the whole run.
func (r *Run) settleDevices() {
	for i := range r.Devices {
		if r.Devices[i].Outcome == Running {
			r.Devices = slices.Clone(r.Devices)
			r.Devices[i].Outcome = r.Outcome
		}
	}
}
