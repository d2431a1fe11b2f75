package scrub

import (
	"fmt"
	"time"
)

// endTime is how long the file may lag behind the kernel at the end of a run.
const endTime = 3 * time.Second

// settleOpen judges a file that tells of no end.
func (h *History) settleOpen(r *Run, s Sight, runs bool) {
	quiet := s.Now.Sub(s.Modified)
	switch {
	case runs:
	case !s.Live && quiet < fresh:
	case s.Live && quiet < endTime:
	default:
		r.Outcome, r.Ended = Interrupted, s.Modified
		if s.Live {
			r.Over = s.Now
		}
		for i := range r.Devices {
			if r.Devices[i].Outcome == Running {
				r.Devices[i].Outcome = Interrupted
			}
		}
	}
}

// settleOlder ends the runs that began before another: there is one at a time.
func (h *History) settleOlder(next time.Time) {
	for i := range h.Runs {
		if r := &h.Runs[i]; r.Outcome == Running && r.Started.Before(next) {
			h.settle(r, Sight{Now: next, Live: true})
		}
	}
}

// end settles what was under way and is no more.
func (h *History) end(s Sight) bool {
	news := false
	for i := range h.Runs {
		r := &h.Runs[i]
		if s.Live && r.Source == FromLog && r.Over.IsZero() {
			r.Over = s.Now
			r.refine()
			news = true
		}
		if r.Outcome != Running || r.Source == FromLog && s.Live {
			continue
		}
		switch {
		case r.Started.Before(s.Booted.Add(-clockSlack)): // and its process is another one now
			h.settle(r, Sight{Now: s.Booted, Live: true})
			news = true
			continue
		case r.PID != 0 && s.Alive != nil:
			if s.Alive(r.PID) && (h.idle.IsZero() || s.Now.Sub(h.idle) < mostBusy || s.Now.Sub(r.Started) < mostBusy) {
				continue
			}
		case !s.Live || s.Status != nil && s.Status.Outcome == Running && s.Now.Sub(s.Modified) < endTime:
			continue
		}
		h.settle(r, s)
		news = true
	}
	return news
}

// mostBusy is for how long a runner may be at work before its scrub and after it,
// while the kernel knows of none.
const mostBusy = time.Minute

// unseen is for how long a run may not have been looked at before its end is
// taken for longer ago than now.
const unseen = 90 * time.Second

// settle ends a run of which nobody told the end.
func (h *History) settle(r *Run, s Sight) {
	switch {
	case r.PID != 0:
		r.Outcome, r.Detail = Interrupted, "who ran it ended without a word"
	case r.Source == FromProgress && r.Total > 0 && r.Whole():
		r.Outcome, r.Detail = Finished, fmt.Sprintf("as its progress shows: %d of %d bytes", r.Bytes, r.Total)
	case r.Source == FromProgress || r.Source == FromLog:
		r.Outcome, r.Detail = Unknown, "its end was not seen"
	default:
		r.Outcome = Interrupted
	}
	r.PID, r.dirty = 0, true
	if r.Ended.IsZero() {
		r.Ended = s.Now
		if last := r.Started.Add(time.Duration(r.Seconds * float64(time.Second))); (r.Seconds > 0 || r.Source == FromProgress) && s.Now.Sub(last) > unseen {
			r.Ended = last
		}
	}
	if s.Live && r.Over.IsZero() {
		r.Over = s.Now
	}
	r.settleDevices()
	r.refine()
}
