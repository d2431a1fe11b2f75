package scrub

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Sight is what one look at a file system saw.
type Sight struct {
	Now time.Time
	// Live: whether a scrub runs could be asked, and Progress is the answer.
	Live     bool
	Progress []btrfs.ScrubProgress
	Totals   map[uint64]uint64 // by device, what a scrub has to read; nil: unknown
	Status   *Run              // what the status file says; nil: nothing
	Modified time.Time         // when that was written
	Log      []Mark            // what the kernel's log says, in its order
	Booted   time.Time         // when the machine started; zero: not known
	// Alive says whether a runner still is; nil: not known.
	Alive func(pid int) bool
}

// fresh is for how long a status file speaks of what runs, where nobody can ask
// the kernel: btrfs-progs write it every five seconds.
const fresh = 15 * time.Second

// endTime is how long the file may lag behind the kernel at the end of a run.
const endTime = 3 * time.Second

// justEnded is for how long after a run's end live progress is taken for its
// last, not for the first of another.
const justEnded = 500 * time.Millisecond

// A History is the runs of one file system, the oldest first.
type History struct {
	Runs []Run
	seen map[uint64]btrfs.ScrubProgress // the last progress of what runs
	idle time.Time                      // since when nothing runs, as the kernel says; zero: something does
	// known are the marks that a run has, and gone are the runs that were
	// stored and turned out to be parts of others.
	known map[markKey]Mark
	gone  []Run
}

// NewHistory makes one of what was stored.
func NewHistory(stored []Run) *History {
	h := &History{Runs: stored, seen: map[uint64]btrfs.ScrubProgress{}, known: map[markKey]Mark{}}
	for _, r := range stored {
		for _, m := range r.Marks {
			h.known[m.key()] = m
		}
	}
	return h
}

// Current is the run that is under way, as far as is known.
func (h *History) Current() *Run {
	for i := len(h.Runs) - 1; i >= 0; i-- {
		if h.Runs[i].Outcome == Running {
			return &h.Runs[i]
		}
	}
	return nil
}

// Changed hands out the runs that changed since it was called last.
func (h *History) Changed() []*Run {
	var out []*Run
	for i := range h.Runs {
		if h.Runs[i].dirty {
			h.Runs[i].dirty = false
			out = append(out, &h.Runs[i])
		}
	}
	return out
}

// Gone hands out the runs that are to be stored no more, since it was called
// last.
func (h *History) Gone() []Run {
	out := h.gone
	h.gone = nil
	return out
}

// Last is the newest run that ended; LastFinished the newest that came to its
// end.
func (h *History) Last() *Run {
	return h.newest(func(r *Run) bool { return r.Outcome != Running })
}

// LastFinished is documented at Last.
func (h *History) LastFinished() *Run {
	return h.newest(func(r *Run) bool { return r.Outcome == Finished })
}

func (h *History) newest(is func(*Run) bool) *Run {
	for i := len(h.Runs) - 1; i >= 0; i-- {
		if is(&h.Runs[i]) {
			return &h.Runs[i]
		}
	}
	return nil
}

// Add takes in a run that somebody tells of, and says whether that was news.
func (h *History) Add(r Run) bool {
	if r.Source == FromLog {
		return h.takeMarks(r.Marks)
	}
	at := h.find(r)
	if !h.put(at, r) {
		return false
	}
	if at < 0 {
		at = len(h.Runs) - 1
	}
	h.unite(at)
	h.rejoin()
	h.settleOlder(r.Started)
	h.sort()
	return true
}

// unite merges those into a run that were seen of it before it was known what
// they are.
func (h *History) unite(at int) {
	whole := h.Runs[at]
	var parts []int
	for i, r := range h.Runs {
		if _, is := same(whole, r); is && i != at && !r.Exact {
			parts = append(parts, i)
		}
	}
	for _, i := range slices.Backward(parts) {
		h.put(at, h.Runs[i])
		if !h.Runs[i].key.IsZero() {
			h.gone = append(h.gone, h.Runs[i])
		}
		h.Runs = slices.Delete(h.Runs, i, i+1)
		if i < at {
			at--
		}
	}
}

// find is the index of a run, -1 if it is not there.
func (h *History) find(r Run) int {
	at, nearest := -1, time.Duration(0)
	for i := range h.Runs {
		if apart, is := same(h.Runs[i], r); is && (at < 0 || apart < nearest) {
			at, nearest = i, apart
		}
	}
	return at
}

// put merges a run into the one at an index, or adds it.
func (h *History) put(at int, r Run) bool {
	if at >= 0 {
		next := merge(h.Runs[at], r)
		if reflect.DeepEqual(next, h.Runs[at]) {
			return false
		}
		next.dirty = true
		h.Runs[at] = next
		h.Runs[at].refine()
		return true
	}
	if r.Seconds == 0 && !r.Ended.IsZero() && !r.Started.IsZero() {
		r.Seconds = max(0, r.Ended.Sub(r.Started).Seconds())
	}
	r.dirty = true
	h.Runs = append(h.Runs, r)
	return true
}

func (h *History) sort() {
	slices.SortStableFunc(h.Runs, func(a, b Run) int { return a.Started.Compare(b.Started) })
}

// Take takes in a look, and says whether it brought news.
func (h *History) Take(s Sight) bool {
	news := false
	runs := s.Live && len(s.Progress) > 0
	if s.Status != nil {
		r := *s.Status
		if r.Outcome == Running {
			h.settleOpen(&r, s, runs)
		}
		// A file of an earlier run says nothing of what runs now.
		news = h.Add(r) || news
	}
	news = h.takeMarks(s.Log) || news
	switch {
	case runs:
		h.idle = time.Time{}
		news = h.follow(s) || news
	default:
		if s.Live && h.idle.IsZero() {
			h.idle = s.Now
		}
		clear(h.seen)
		news = h.end(s) || news
	}
	h.sort()
	return news
}

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

// follow puts the live progress into the run that is under way.
func (h *History) follow(s Sight) bool {
	r := h.Current()
	news := r == nil || h.another(r, s)
	if last := h.Last(); r == nil && last != nil && s.Now.Sub(last.Ended).Abs() < justEnded {
		// The progress was asked for just before the run's end was written
		// down. If it is another run, the next look will see that as well.
		return false
	}
	if news {
		clear(h.seen)
		h.Runs = append(h.Runs, Run{Started: s.Now, Outcome: Running, Source: FromProgress})
		h.settleOlder(s.Now)
		r = &h.Runs[len(h.Runs)-1]
	}
	if r.Source == FromLog {
		r.Source = FromProgress
	}
	for _, p := range s.Progress {
		d := DeviceOf(p, Running)
		d.Total = s.Totals[p.Device]
		i := slices.IndexFunc(r.Devices, func(o DeviceRun) bool { return o.ID == d.ID })
		if i < 0 {
			r.Devices = append(r.Devices, d)
		} else {
			r.Devices[i] = d
		}
		before := h.seen[p.Device]
		if before.LastPhysical > p.LastPhysical { // resumed
			before = btrfs.ScrubProgress{}
		}
		if ErrorsOf(p).Uncorrectable > before.Uncorrectable {
			r.suspect(Window{p.Device, before.LastPhysical, p.LastPhysical})
			news = true
		}
		h.seen[p.Device] = p
	}
	r.dirty = true
	r.Sum()
	r.Seconds = max(0, s.Now.Sub(r.Started).Seconds())
	if news {
		h.rejoin() // some of its devices may be done
	}
	return news
}

// behind is how far what was read can be from where an error was counted.
const behind = 64 << 20

// suspect notes where errors were counted, between two looks at the progress.
func (r *Run) suspect(w Window) {
	w.From -= min(w.From, behind)
	w.To += behind
	if n := len(r.Suspects); n > 0 && r.Suspects[n-1].Device == w.Device && w.From <= r.Suspects[n-1].To {
		r.Suspects[n-1].To = w.To
		return
	}
	r.Suspects = append(slices.Clip(r.Suspects), w)
}

// enough is the share of what is in use that a scrub has read when it is taken
// for finished: files come and go meanwhile.
const enough = 0.9

// Whole says whether a run has read what there was; also where that is unknown.
func (r *Run) Whole() bool {
	return r.Total == 0 || float64(r.Bytes) >= enough*float64(r.Total)
}

// another says whether the progress is not that of the run that is under way as
// far as is known: a device was done, as the log says, or what was counted went
// back. Who runs it may still be about to tell of its end.
func (h *History) another(r *Run, s Sight) bool {
	ended := func(p btrfs.ScrubProgress) bool {
		return slices.ContainsFunc(r.Marks, func(m Mark) bool { return m.Device == p.Device && !m.starts() })
	}
	if slices.ContainsFunc(s.Progress, ended) {
		return true
	}
	if r.PID != 0 && (s.Alive == nil || s.Alive(r.PID)) {
		return false
	}
	if f := s.Status; f != nil && f.Outcome == Running && s.Now.Sub(s.Modified) < fresh {
		return false // a run that was resumed counts anew
	}
	for _, p := range s.Progress {
		for _, d := range r.Devices {
			if d.ID == p.Device && p.DataBytes+p.TreeBytes < d.Bytes {
				return true
			}
		}
	}
	return false
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
