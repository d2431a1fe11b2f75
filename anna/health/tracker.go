package health

import (
	"cmp"
	"slices"
	"time"
)

// ranks are nothing, notice, warning and critical.
const ranks = 4

// Timing is for how long something must hold.
type Timing struct {
	RaiseAfter, ClearAfter time.Duration
}

// A Tracker turns verdicts, taken again and again, into findings. It is not
// safe for concurrent use.
//
// Each rank of a check has a latch of its own: it closes when the verdict has
// been at least that bad for the raise time, without a break, and opens when it
// has been better for the clear time, without a break. A figure that trembles
// at a threshold so never closes a latch, and never opens one that is closed.
// A verdict that is unknown counts as not bad.
type Tracker struct {
	// Preceded tells what happened last before a moment; nil: nobody knows.
	Preceded func(before time.Time) *Mark

	checks []Check
	states map[string]*tracked
	acks   map[string]Ack
	number uint64
}

// tracked is what is known about one check.
type tracked struct {
	verdict Verdict // the newest
	bad     Verdict // the newest that was as bad as what is raised
	above   [ranks]time.Time
	below   [ranks]time.Time
	latched [ranks]bool

	began  time.Time // of what is raised or may be
	raised time.Time // when it was told
	after  *Mark
	told   int    // the rank that was told last; 0: nothing is
	known  bool   // what was told is acknowledged
	hidden string // the cause that hides it; ""
}

func (s *tracked) rank() int {
	for r := ranks - 1; r > 0; r-- {
		if s.latched[r] {
			return r
		}
	}
	return 0
}

// NewTracker returns a tracker of the table's checks.
func NewTracker(checks []Check) *Tracker {
	t := &Tracker{checks: checks, states: map[string]*tracked{}, acks: map[string]Ack{}}
	for _, c := range checks {
		t.states[c.ID] = &tracked{}
	}
	return t
}

// Acknowledge sets an acknowledgement, one that is over takes it back, and
// returns what changed by it.
func (t *Tracker) Acknowledge(now time.Time, id string, a Ack) []Change {
	t.acks[id] = a
	for _, c := range t.checks {
		if c.ID != id {
			continue
		}
		if change := t.recount(now, c); change != nil {
			return []Change{*change}
		}
	}
	return nil
}

// recount says whether what was told begins or ceases to count.
func (t *Tracker) recount(now time.Time, c Check) *Change {
	s := t.states[c.ID]
	known := s.told > 0 && t.ack(c.ID, levelOf(s.told), now) != nil
	if known == s.known {
		return nil
	}
	s.known = known
	change := &Change{Kind: Unacknowledged, At: now, Raised: s.raised, Finding: t.finding(c, s, s.told, now)}
	if known {
		change.Kind = Acknowledged
	}
	t.number++
	change.Number = t.number
	return change
}

// Step takes the verdicts of one moment and returns what changed. Moments must
// come from a monotonic clock.
func (t *Tracker) Step(now time.Time, verdicts map[string]Verdict, timing Timing) []Change {
	for _, c := range t.checks {
		t.states[c.ID].take(c, now, verdicts[c.ID], timing)
	}
	var changes []Change
	for _, c := range t.checks {
		s := t.states[c.ID]
		var waits bool
		s.hidden, waits = t.cause(c, s)
		rank := s.rank()
		if s.hidden != "" || waits && s.told == 0 {
			rank = 0
		}
		if rank == s.told {
			if change := t.recount(now, c); change != nil {
				changes = append(changes, *change)
			}
			continue
		}
		was := s.told
		s.told, s.known = rank, rank > 0 && t.ack(c.ID, levelOf(rank), now) != nil
		change := Change{At: now, Raised: s.raised}
		switch {
		case was == 0:
			change.Kind = Raised
			s.raised = now
			change.Raised = now
			if s.after == nil && t.Preceded != nil {
				s.after = t.Preceded(s.began)
			}
			change.Finding = t.finding(c, s, rank, now)
		case rank == 0:
			change.Kind, change.LastedSec = Resolved, now.Sub(s.began).Seconds()
			if s.hidden != "" {
				change.Kind, change.LastedSec = Hidden, 0
			}
			change.Finding = t.finding(c, s, was, now)
			s.after = nil
		default:
			change.Kind = Changed
			change.Finding = t.finding(c, s, rank, now)
		}
		t.number++
		change.Number = t.number
		changes = append(changes, change)
	}
	return changes
}

// take moves the latches of one check.
func (s *tracked) take(c Check, now time.Time, v Verdict, timing Timing) {
	s.verdict = v
	rank := v.rank()
	if rank > 0 && s.above[1].IsZero() && s.rank() == 0 {
		s.began = now
	}
	for r := 1; r < ranks; r++ {
		if rank >= r {
			s.below[r] = time.Time{}
			if s.above[r].IsZero() {
				s.above[r] = now
			}
			if now.Sub(s.above[r]) >= c.raiseAfter(r, timing.RaiseAfter) {
				s.latched[r] = true
			}
			continue
		}
		s.above[r] = time.Time{}
		if s.below[r].IsZero() {
			s.below[r] = now
		}
		if now.Sub(s.below[r]) >= c.clearAfter(timing.ClearAfter) {
			s.latched[r] = false
		}
	}
	// What is worse latches what is less bad.
	for r := ranks - 1; r > 1; r-- {
		s.latched[r-1] = s.latched[r-1] || s.latched[r]
	}
	if rank > 0 && rank >= s.rank() {
		s.bad = v
	}
}

// cause finds the finding that explains a check's own, and whether one may
// come: then it is not told yet.
func (t *Tracker) cause(c Check, s *tracked) (hiddenBy string, waits bool) {
	for _, id := range c.Causes {
		other := t.states[id]
		if other == nil {
			continue
		}
		rank := other.rank()
		if rank >= int(Warning) && rank >= s.rank() {
			return id, false
		}
		if rank := other.verdict.rank(); rank >= int(Warning) && rank >= s.rank() {
			waits = true
		}
	}
	return "", waits
}

// finding is a check's finding at a rank.
func (t *Tracker) finding(c Check, s *tracked, rank int, now time.Time) Finding {
	f := Finding{
		ID: c.ID, Title: c.Title, Detail: s.bad.Detail, Evidence: s.bad.Evidence, Fix: s.bad.Fix, Since: s.began, After: s.after,
		Acknowledged: t.ack(c.ID, levelOf(rank), now),
	}
	f.Level = levelOf(rank)
	if since := s.below[rank]; !since.IsZero() {
		f.BetterSince = &since
	}
	for _, other := range t.checks {
		if o := t.states[other.ID]; o.hidden == c.ID && o.rank() > 0 {
			f.Hides = append(f.Hides, other.ID)
		}
	}
	return f
}

func (t *Tracker) ack(id string, l Level, now time.Time) *Ack {
	a, ok := t.acks[id]
	if !ok || !now.Before(a.Until) || l > a.Level {
		return nil
	}
	return &a
}

func levelOf(rank int) Level {
	if rank >= int(Warning) {
		return Level(rank)
	}
	return OK
}

// State is how everything stands.
func (t *Tracker) State(now time.Time) State {
	state := State{At: now, Findings: []Finding{}, Checks: make([]Result, 0, len(t.checks))}
	for _, c := range t.checks {
		s := t.states[c.ID]
		r := Result{ID: c.ID, Group: c.Group, Title: c.Title, Result: s.verdict.Level, Detail: s.verdict.Detail, Evidence: s.verdict.Evidence, Fix: s.verdict.Fix, HiddenBy: s.hidden}
		switch rank := s.rank(); {
		case s.told > 0:
			f := t.finding(c, s, s.told, now)
			state.Findings = append(state.Findings, f)
			if f.Acknowledged == nil {
				state.Level = Worst(state.Level, f.Level)
			}
			r.Result, r.Detail, r.Evidence, r.Fix = f.Level, f.Detail, f.Evidence, f.Fix
			r.Since, r.After, r.Acknowledged = &f.Since, f.After, f.Acknowledged
			if f.BetterSince != nil {
				r.Detail += "; better since " + Span(now.Sub(*f.BetterSince))
			}
		case s.hidden != "" && rank > 0:
			r.Result = OK // it is told under its cause
		case s.verdict.rank() > 0:
			r.Result = OK
			r.PendingSec = now.Sub(s.began).Seconds()
		}
		state.Checks = append(state.Checks, r)
		if a, ok := t.acks[c.ID]; ok && now.Before(a.Until) {
			state.Known = append(state.Known, Acknowledgement{c.ID, a})
		}
	}
	slices.SortStableFunc(state.Findings, func(a, b Finding) int {
		quiet := func(f Finding) int {
			if f.Acknowledged != nil {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(quiet(a), quiet(b)), cmp.Compare(b.Level, a.Level))
	})
	return state
}
