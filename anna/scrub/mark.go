package scrub

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Mark is what one line of the kernel's log tells: that the scrub of a device
// started, or how it ended. Lines are left out when Btrfs has much to say, about
// whatever file system, so that either may be missing.
type Mark struct {
	// Boot and Clock are the line's own (btrfs.LogLine): a line that is read
	// again is the same, whatever the machine's clock did meanwhile.
	Boot    string        `json:"boot"`
	Clock   time.Duration `json:"clock_nsec"`
	At      time.Time     `json:"at"`
	Early   time.Duration `json:"early_nsec"` // how much before At it may have been
	Late    time.Duration `json:"late_nsec"`  // and after
	Device  uint64        `json:"device"`
	Outcome string        `json:"outcome"` // running: its start
	Detail  string        `json:"detail,omitempty"`
	over    time.Time     // when what it tells of was over at the latest
}

func (m Mark) starts() bool { return m.Outcome == Running }

// markKey says which line a mark is.
type markKey struct {
	boot   string
	clock  time.Duration
	device uint64
	starts bool
}

func (m Mark) key() markKey { return markKey{m.Boot, m.Clock, m.Device, m.starts()} }

// How exactly a line must be where a run begins or ends to belong there and
// nowhere else. Who runs a scrub notes its start in whole seconds before asking
// the kernel, and its end after the kernel's answer.
const (
	exactStart = time.Second + clockSlack
	exactEnd   = time.Second
)

// holds says whether a run may hold a mark as far as its other marks say: each
// device starts once and then ends once, in one boot.
func (r *Run) holds(m Mark) bool {
	for _, o := range r.Marks {
		if o.Boot != m.Boot {
			return false
		}
		if o.Device != m.Device {
			continue
		}
		if o.starts() == m.starts() || o.starts() && o.Clock > m.Clock || m.starts() && m.Clock > o.Clock {
			return false
		}
	}
	return true
}

// scrubs says whether a device is part of a run, as far as is known: who runs it
// knows them all, others may have seen some alone.
func (r *Run) scrubs(device uint64) bool {
	return ranks[r.Source] < ranks[FromFile] || len(r.Devices) == 0 ||
		slices.ContainsFunc(r.Devices, func(d DeviceRun) bool { return d.ID == device })
}

// counted says whether a device of a run was seen to be scrubbed.
func (r *Run) counted(device uint64) bool {
	return slices.ContainsFunc(r.Devices, func(d DeviceRun) bool { return d.ID == device && d.LastPhysical+d.Bytes > 0 })
}

// firm says whether a run's end is the kernel's: it is not where nobody saw it.
func (r *Run) firm() bool {
	return ranks[r.Source] >= ranks[FromFile] && (r.Outcome == Finished || r.Outcome == Cancelled || r.Outcome == Failed)
}

// over is when a run was over at the latest; zero: not known.
func (r *Run) over() time.Time {
	if r.firm() {
		return r.Ended
	}
	return r.Over
}

// exactly says whether a mark is just where a run begins or ends, and by how
// much it is off.
func (r *Run) exactly(m Mark) (off time.Duration, is bool) {
	switch {
	case m.starts() && r.Exact:
		off = m.At.Sub(r.Started)
		if off > time.Second {
			off -= time.Second
		} else if off > 0 {
			off = 0
		}
		return off.Abs(), off.Abs() <= clockSlack
	case !m.starts() && r.firm():
		off = m.At.Sub(r.Ended).Abs()
		return off, off <= exactEnd
	}
	return 0, false
}

// around says whether a mark is in the time of a run: a device is scrubbed by
// one run at a time, so that what is within is its own. before is the end of the
// run before it, next the beginning of the one after; zero for none.
func (r *Run) around(m Mark, before, next time.Time) bool {
	early, late := m.At.Add(-m.Early), m.At.Add(m.Late)
	if r.Started.Before(early.Add(-m.Clock - clockSlack)) {
		return false // of another boot
	}
	if !m.over.IsZero() && r.Started.After(m.over) {
		return false
	}
	from, to := r.Started, r.over()
	switch {
	case r.Source == FromProgress && (m.starts() || !r.counted(m.Device)):
		from = before // it was found under way, and some devices may have been done
	case m.starts() && r.Exact:
		from = from.Add(-clockSlack)
	case m.starts():
		from = from.Add(-mostPrepared)
	}
	if by := r.Started.Add(mostBusy); m.starts() && (to.IsZero() || by.Before(to)) {
		to = by // on all devices soon after each other
	}
	if !next.IsZero() && (to.IsZero() || next.Before(to)) {
		to = next
	}
	if !m.starts() && !to.IsZero() {
		to = to.Add(exactEnd)
	}
	return !late.Before(from) && (to.IsZero() || !early.After(to))
}

// takeMarks gives new marks to the runs that they are of. What no run can hold
// makes runs of its own.
func (h *History) takeMarks(marks []Mark) bool {
	var fresh []Mark
	var fixed anchors
	for _, m := range marks {
		if o, known := h.known[m.key()]; known {
			fixed = append(fixed, anchor{m, m.At.Sub(o.At), o.Early + o.Late})
		} else {
			fresh = append(fresh, m)
			h.known[m.key()] = m
		}
	}
	if len(fresh) == 0 {
		return false
	}
	for _, m := range h.give(fresh, fixed) {
		h.known[m.key()] = m
		h.alone(m)
	}
	h.sort()
	return true
}

// An anchor is a mark of which the true time is known, and how much later it
// seems: by what the machine was suspended since.
type anchor struct {
	Mark
	off, unsure time.Duration
}

type anchors []anchor

// narrow says better when a mark was: the machine was suspended since for no less
// than since a later one, and for no more than since an earlier one.
func (a anchors) narrow(m Mark) Mark {
	var earlier, later *anchor
	for i := range a {
		o := &a[i]
		switch {
		case o.Boot != m.Boot:
		case o.Clock <= m.Clock && (earlier == nil || o.Clock > earlier.Clock):
			earlier = o
		case o.Clock > m.Clock && (later == nil || o.Clock < later.Clock):
			later = o
		}
	}
	if earlier != nil {
		m.Early = min(m.Early, max(0, earlier.off)+earlier.unsure+exactStart)
	}
	if later != nil && later.off > later.unsure+exactStart {
		by := min(later.off-later.unsure-exactStart, m.Early)
		m.At, m.Early = m.At.Add(-by), m.Early-by
	}
	return m
}

// give hands marks to the runs that others told of as well; what comes back is
// left. First goes what is exactly at a beginning or an end, the nearest first;
// then what begins and ends as a run does, and seems to be later by the same;
// then what is within, the newest first.
func (h *History) give(marks []Mark, fixed anchors) (rest []Mark) {
	given := make([]bool, len(marks))
	hand := func(i int, r *Run, off, unsure time.Duration) {
		given[i] = true
		if marks[i].Early <= exactStart || off > 0 { // else it may be there by chance
			fixed = append(fixed, anchor{marks[i], off, unsure})
			marks[i].At = marks[i].At.Add(-off)
			marks[i].Early, marks[i].Late = min(marks[i].Early, exactStart+unsure), min(marks[i].Late, exactStart+unsure)
		}
		h.known[marks[i].key()] = marks[i]
		r.attach(marks[i])
	}
	type pair struct {
		start, end int // which marks; -1: none
		run        int
		off, apart time.Duration
	}
	var pairs []pair
	for i, m := range marks {
		for j := range h.Runs {
			r := &h.Runs[j]
			if r.Source == FromLog || !r.scrubs(m.Device) {
				continue
			}
			if off, is := r.exactly(m); is {
				pairs = append(pairs, pair{i, -1, j, 0, off})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return int(a.apart - b.apart) })
	for _, p := range pairs {
		if r := &h.Runs[p.run]; !given[p.start] && r.holds(marks[p.start]) {
			hand(p.start, r, 0, 0)
		}
	}
	pairs = nil
	for i, m := range marks {
		end := i + 1
		for ; end < len(marks) && marks[end].Device != m.Device; end++ {
		}
		if given[i] || !m.starts() || end == len(marks) || given[end] || marks[end].starts() {
			continue
		}
		for j := range h.Runs {
			r := &h.Runs[j]
			if !r.Exact || !r.firm() || !r.scrubs(m.Device) {
				continue
			}
			off := marks[end].At.Sub(r.Ended)
			apart := (m.At.Sub(r.Started) - off).Abs()
			if apart <= together && off >= 0 && off <= marks[end].Early {
				pairs = append(pairs, pair{i, end, j, off, apart})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return int(a.apart - b.apart) })
	for _, p := range pairs {
		if r := &h.Runs[p.run]; !given[p.start] && !given[p.end] && r.holds(marks[p.start]) && r.holds(marks[p.end]) {
			hand(p.start, r, p.off, p.apart)
			hand(p.end, r, p.off, p.apart)
		}
	}
	for i := range marks {
		if !given[i] {
			marks[i] = fixed.narrow(marks[i])
			h.known[marks[i].key()] = marks[i]
		}
	}
	for i := len(marks) - 1; i >= 0; i-- {
		if given[i] {
			continue
		}
		if r := h.surrounding(marks[i]); r != nil {
			given[i] = true
			if m := &marks[i]; r.Exact { // no earlier than the run, then
				m.Early = min(m.Early, max(0, m.At.Sub(r.Started))+exactStart)
				h.known[m.key()] = *m
			}
			r.attach(marks[i])
		}
	}
	for i, m := range marks {
		if !given[i] {
			rest = append(rest, m)
		}
	}
	return rest
}

// surrounding is the newest run that a mark is in the time of; nil for none.
func (h *History) surrounding(m Mark) *Run {
	var next time.Time
	for i := len(h.Runs) - 1; i >= 0; i-- {
		r := &h.Runs[i]
		if r.Source == FromLog {
			continue
		}
		var before time.Time
		for j := i - 1; j >= 0 && before.IsZero(); j-- {
			if o := &h.Runs[j]; o.Source != FromLog {
				if before = o.Ended; before.IsZero() {
					before = o.Started
				}
			}
		}
		if r.scrubs(m.Device) && r.holds(m) && r.around(m, before, next) && h.follows(r, m, before, next) {
			return r
		}
		next = r.Started
		if r.Exact {
			next = next.Add(exactStart)
		}
	}
	return nil
}

// follows says whether a mark and the one next to it of the same device leave it
// to a run: an end and the start right before it are of one run, unless the lines
// between them are lost because another began there.
func (h *History) follows(r *Run, m Mark, before, next time.Time) bool {
	var beside *Mark
	for _, o := range h.known {
		if !m.starts() && o.starts() && o.Boot == m.Boot && o.Clock < m.Clock && o.At.Add(-o.Early).After(r.Started.Add(mostBusy)) {
			return false // another began since
		}
		if !m.starts() && !o.starts() && o.Device == m.Device && o.Boot == m.Boot && o.Clock < m.Clock &&
			(o.At.Add(-o.Early).After(r.Started.Add(exactStart)) || !r.firm() && r.Exact && r.around(o, before, next) && !h.given(o)) {
			return false // it ended before
		}
		if o.Boot != m.Boot || o.Device != m.Device || o.key() == m.key() || m.starts() != (o.Clock > m.Clock) {
			continue
		}
		if beside == nil || (o.Clock-m.Clock).Abs() < (beside.Clock-m.Clock).Abs() {
			beside = &o
		}
	}
	switch {
	case beside == nil || beside.starts() == m.starts():
		return true
	case slices.ContainsFunc(r.Marks, func(o Mark) bool { return o.key() == beside.key() }):
		return true
	case m.starts():
		return !beside.At.Add(beside.Late).Before(r.Started)
	}
	return beside.At.Before(r.Started) || r.holds(*beside) && r.around(*beside, before, next) && !h.given(*beside)
}

// given says whether a run that others told of as well has a mark.
func (h *History) given(m Mark) bool {
	return slices.ContainsFunc(h.Runs, func(r Run) bool {
		return r.Source != FromLog && slices.ContainsFunc(r.Marks, func(o Mark) bool { return o.key() == m.key() })
	})
}

// together is how long after each other a run starts on its devices.
const together = 3 * time.Second

// alone puts a mark that no other source tells of into the run of its own kind
// that can hold it, or makes one: the fewest runs that explain the log.
func (h *History) alone(m Mark) {
	at := -1
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source == FromLog && len(r.Marks) > 0 && r.Marks[0].Boot == m.Boot && r.Marks[0].Clock <= m.Clock &&
			(at < 0 || r.Marks[0].Clock > h.Runs[at].Marks[0].Clock) {
			at = i
		}
	}
	if at >= 0 && h.Runs[at].takesIn(m) && !h.between(h.Runs[at].Marks[0], m) {
		h.Runs[at].attach(m)
		return
	}
	h.Runs = append(h.Runs, Run{Source: FromLog})
	h.Runs[len(h.Runs)-1].attach(m)
}

// takesIn says whether a run that the log alone tells of goes on with a mark.
func (r *Run) takesIn(m Mark) bool {
	if !r.holds(m) || !r.Over.IsZero() && m.At.Add(-m.Early).After(r.Over.Add(exactEnd)) {
		return false
	}
	if !m.starts() {
		return true
	}
	first := r.Marks[0]
	return r.Outcome == Running || first.starts() && m.Clock-first.Clock <= together
}

// between says whether a run that others told of lies between two marks that
// the log alone has.
func (h *History) between(a, b Mark) bool {
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source == FromLog {
			continue
		}
		for _, m := range r.Marks {
			if m.Boot == b.Boot && m.Clock > a.Clock && m.Clock < b.Clock {
				return true
			}
		}
		// One without marks goes by its time.
		if r.Started.After(a.At.Add(a.Late)) && !r.Ended.IsZero() && r.Ended.Before(b.At.Add(-b.Early)) {
			return true
		}
	}
	return false
}

// rejoin gives the marks of runs that the log alone told of to the others, after
// one of those became known or better known. A run that has none left was none,
// and one that lies around another is two.
func (h *History) rejoin() {
	var marks []Mark
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source == FromLog {
			for _, m := range r.Marks {
				m.over = r.Over
				marks = append(marks, m)
			}
		} else if ranks[r.Source] >= ranks[FromFile] && !r.firm() {
			marks = append(marks, h.takeBack(r)...)
		}
	}
	if len(marks) == 0 {
		return
	}
	left := map[markKey]bool{}
	slices.SortStableFunc(marks, func(a, b Mark) int { return cmp.Or(cmp.Compare(a.Boot, b.Boot), cmp.Compare(a.Clock, b.Clock)) })
	for len(marks) > 0 { // a boot at a time
		n := 1
		for n < len(marks) && marks[n].Boot == marks[0].Boot {
			n++
		}
		for _, m := range h.give(marks[:n], nil) {
			left[m.key()] = true
		}
		marks = marks[n:]
	}
	h.Runs = slices.DeleteFunc(h.Runs, func(r Run) bool {
		return r.Source == FromLog && len(r.Marks) > 0 && h.keep(&r, left) == 0
	})
	var apart []Mark
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Source != FromLog || len(r.Marks) == 0 {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(r.Marks), func(m Mark) bool { return !left[m.key()] })
		if k := slices.IndexFunc(mine, func(m Mark) bool { return h.between(mine[0], m) }); k > 0 {
			apart, mine = append(apart, mine[k:]...), mine[:k]
		}
		if len(mine) < len(r.Marks) {
			r.Marks = mine
			r.refine()
		}
	}
	for _, m := range apart {
		h.alone(m)
	}
}

// takeBack takes the ends from a run whose own nobody saw that are exactly those
// of another.
func (h *History) takeBack(r *Run) (out []Mark) {
	others := func(m Mark) bool {
		return !m.starts() && slices.ContainsFunc(h.Runs, func(o Run) bool {
			_, is := o.exactly(m)
			return is && o.Source != FromLog && o.scrubs(m.Device) && o.holds(m)
		})
	}
	for _, m := range r.Marks {
		if others(m) {
			out = append(out, m)
		}
	}
	if len(out) > 0 {
		r.Marks = slices.DeleteFunc(slices.Clone(r.Marks), others)
		if strings.HasPrefix(r.Detail, logSays) {
			r.Detail = ""
		}
		r.refine()
	}
	return out
}

// keep is how many of the marks of a run are left to it. One that was stored and
// has none is to be stored no more.
func (h *History) keep(r *Run, left map[markKey]bool) int {
	n := 0
	for _, m := range r.Marks {
		if left[m.key()] {
			n++
		}
	}
	if n == 0 && !r.key.IsZero() {
		h.gone = append(h.gone, *r)
	}
	return n
}

// attach gives a mark to a run, and puts what it tells into it.
func (r *Run) attach(m Mark) {
	m.over = time.Time{}
	r.Marks = append(slices.Clip(r.Marks), m)
	slices.SortStableFunc(r.Marks, func(a, b Mark) int { return int(a.Clock - b.Clock) })
	r.refine()
}

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
	case outcome == "" || r.Outcome == Running || r.firm():
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
	if !r.Ended.IsZero() && r.Outcome != Running && !r.firm() {
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
