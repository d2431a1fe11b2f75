package scrub

import (
	"slices"
	"time"
)

// same says whether two are one run, seen by different eyes, and by how much
// their beginnings differ. A file system has one scrub at a time: those that
// overlap are one, and those that do not are two. The kernel's log is another
// matter (takeMarks): it is its marks that find their run.
func same(a, b Run) (apart time.Duration, is bool) {
	apart = a.Started.Sub(b.Started).Abs()
	if a.Source == FromLog || b.Source == FromLog {
		return apart, false
	}
	if a.Exact && b.Exact {
		// Of several devices the file has the earliest start that is noted so
		// far, which another device's may precede yet.
		several := a.Source == FromFile && b.Source == FromFile && len(a.Devices) > 1 && len(b.Devices) > 1
		return apart, a.Started.Unix() == b.Started.Unix() || several && apart <= 2*time.Second && overlap(a, b)
	}
	exact, other := a, b
	if b.Exact {
		exact, other = b, a
	}
	after := other.Started.Sub(exact.Started) // exact has whole seconds
	switch {
	case !exact.Exact:
		first, second := a, b
		if second.Started.Before(first.Started) {
			first, second = second, first
		}
		return apart, apart < clockSlack || second.Source == FromProgress && overlap(first, second)
	case other.Source == FromProgress: // found under way
		// Its time is that after the kernel's answer, which may be of just before
		// the end.
		late := other.Started.Sub(exact.Ended)
		return apart, after > -time.Second && (overlap(exact, other) || late >= 0 && late < answered)
	case exact.Source == FromRunner:
		return apart, false // anna notes the start in its first file
	case other.Outcome == Running: // written before the start
		return apart, after > -mostPrepared && after < exactStart && !other.doneBefore(exact.Started)
	}
	return apart, after > -clockSlack && after < exactStart && (exact.Outcome == Running || !other.Started.After(exact.Ended))
}

// doneBefore says whether the kernel's log has the end of a run, for certain
// before a time.
func (r *Run) doneBefore(at time.Time) bool {
	outcome, _, _ := r.kernelEnd()
	return outcome != "" && !slices.ContainsFunc(r.Marks, func(m Mark) bool { return m.At.Add(m.Late).After(at) })
}

// overlap says whether two runs were under way at the same time.
func overlap(a, b Run) bool {
	before := func(x, y Run) bool { return x.Outcome != Running && !x.Ended.IsZero() && !x.Ended.After(y.Started) }
	return !before(a, b) && !before(b, a)
}

// clockSlack is how far two clocks are apart that go right.
const clockSlack = 300 * time.Millisecond

// answered is how long the kernel's answer may be on its way.
const answered = 100 * time.Millisecond

// mostPrepared is how long before the start a status file may be written.
const mostPrepared = 3 * time.Second

// merge adds what another pair of eyes saw of the same run.
func merge(old, seen Run) Run {
	better, other := seen, old
	if ranks[old.Source] > ranks[seen.Source] {
		better, other = old, seen
	}
	out := better
	out.key, out.dirty = old.key, old.dirty
	out.Of = seen.Of
	if ranks[old.Source] >= ranks[FromFile] { // devices may have been added since
		out.Of = old.Of
	}
	if !better.Exact && (other.Exact || other.Started.Before(better.Started) && !other.Started.IsZero()) {
		out.Started, out.Exact = other.Started, other.Exact
	}
	// An end is more than none.
	if better.Outcome == Running && other.Outcome != Running {
		out.Outcome, out.Ended, out.Detail = other.Outcome, other.Ended, other.Detail
	}
	if better.Outcome == Unknown && other.Outcome != Running || better.Outcome == Interrupted && other.endTold() {
		out.Outcome, out.Ended, out.Detail = other.Outcome, other.Ended, other.Detail
	}
	if other.Bytes > better.Bytes && len(other.Devices) > 0 {
		out.Bytes, out.Devices, out.Errors = other.Bytes, other.Devices, other.Errors
	}
	if out.Detail == "" && out.Outcome == other.Outcome {
		out.Detail = other.Detail
	}
	if out.Ended.IsZero() && out.Outcome != Running {
		out.Ended = other.Ended
	}
	if out.Total == 0 {
		out.Total = other.Total
	}
	if out.By == "" {
		out.By = other.By
	}
	if out.ReadOnly == nil {
		out.ReadOnly = other.ReadOnly
	}
	if len(out.Marks) == 0 {
		out.Marks = other.Marks
	}
	if out.Over.IsZero() || !other.Over.IsZero() && other.Over.Before(out.Over) {
		out.Over = other.Over // seen first
	}
	if len(out.Suspects) == 0 {
		out.Suspects = other.Suspects
	}
	if out.PID == 0 {
		out.PID = other.PID
	}
	if out.Outcome != Running {
		out.PID = 0
	}
	if out.Seconds == 0 && !out.Ended.IsZero() && !out.Started.IsZero() {
		out.Seconds = max(0, out.Ended.Sub(out.Started).Seconds())
	}
	return out
}
