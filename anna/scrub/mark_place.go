package scrub

import (
	"slices"
	"time"
)

// How exactly a line must be where a run begins or ends to belong there and
// nowhere else. Who runs a scrub notes its start in whole seconds before asking
// the kernel, and its end after the kernel's answer.
const (
	exactStart = time.Second + clockSlack
	exactEnd   = time.Second
)

// hasPlace says whether the marks that a run has leave a place for another: each
// device starts once and then ends once, in one boot.
func (r *Run) hasPlace(m Mark) bool {
	for _, o := range r.Marks {
		if o.Boot != m.Boot {
			return false
		}
		if o.Device != m.Device {
			continue
		}
		startIsFirst := o.starts() == (o.Clock <= m.Clock)
		if o.starts() == m.starts() || !startIsFirst {
			return false
		}
	}
	return true
}

// mayScrub says whether a device can be part of a run: who runs it knows them
// all, others may have seen some alone.
func (r *Run) mayScrub(device uint64) bool {
	return ranks[r.Source] < ranks[FromFile] || len(r.Devices) == 0 ||
		slices.ContainsFunc(r.Devices, func(d DeviceRun) bool { return d.ID == device })
}

// sawScrubbed says whether a device of a run was seen to be scrubbed.
func (r *Run) sawScrubbed(device uint64) bool {
	return slices.ContainsFunc(r.Devices, func(d DeviceRun) bool { return d.ID == device && d.LastPhysical+d.Bytes > 0 })
}

// endTold says whether a run's end was told by who ran it, and is the kernel's.
// Where nobody told, it is when somebody found that nothing ran any more.
func (r *Run) endTold() bool {
	return ranks[r.Source] >= ranks[FromFile] && (r.Outcome == Finished || r.Outcome == Cancelled || r.Outcome == Failed)
}

// overBy is when a run was over at the latest; zero: not known.
func (r *Run) overBy() time.Time {
	if r.endTold() {
		return r.Ended
	}
	return r.Over
}

// exactly says whether a mark is just where a run begins or ends, and by how
// much it is off.
func (r *Run) exactly(m Mark) (off time.Duration, is bool) {
	switch {
	case m.starts() && r.Exact: // anywhere within the second that was noted
		off = m.At.Sub(r.Started)
		off = max(-off, 0, off-time.Second)
		return off, off <= clockSlack
	case !m.starts() && r.endTold():
		off = m.At.Sub(r.Ended).Abs()
		return off, off <= exactEnd
	}
	return 0, false
}

// beside is what is before a run and after it: when the one before ended, or
// began where that is not known, and when the next one began; zero for none.
type beside struct{ before, next time.Time }

// around says whether a mark is in the time of a run: a device is scrubbed by
// one run at a time, so that what is within is its own.
func (r *Run) around(m Mark, b beside) bool {
	bootedAfter := r.Started.Before(m.earliest().Add(-m.Clock - clockSlack))
	overBefore := !m.over.IsZero() && r.Started.After(m.over)
	if bootedAfter || overBefore {
		return false
	}
	from, to := r.from(m, b), r.to(m, b)
	return !m.latest().Before(from) && (to.IsZero() || !m.earliest().After(to))
}

// from is the earliest time of a mark of a run.
func (r *Run) from(m Mark, b beside) time.Time {
	switch {
	case r.Source == FromProgress && (m.starts() || !r.sawScrubbed(m.Device)):
		return b.before // it was found under way, and some devices may have been done
	case m.starts() && r.Exact:
		return r.Started.Add(-clockSlack)
	case m.starts():
		return r.Started.Add(-mostPrepared)
	}
	return r.Started
}

// to is the latest time of a mark of a run; zero: there is none.
func (r *Run) to(m Mark, b beside) time.Time {
	to := earlier(r.overBy(), b.next)
	if m.starts() { // on all devices soon after each other
		return earlier(to, r.Started.Add(mostBusy))
	}
	if !to.IsZero() {
		to = to.Add(exactEnd)
	}
	return to
}

// earlier is the earlier of two times, zero for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
