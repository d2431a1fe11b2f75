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
	Log      []Run             // what the kernel's log says
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
}

// NewHistory makes one of what was stored.
func NewHistory(stored []Run) *History {
	return &History{Runs: stored, seen: map[uint64]btrfs.ScrubProgress{}}
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
	return h.put(h.find(r), r)
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
	} else {
		if r.Seconds == 0 && !r.Ended.IsZero() && !r.Started.IsZero() {
			r.Seconds = max(0, r.Ended.Sub(r.Started).Seconds())
		}
		r.dirty = true
		h.Runs = append(h.Runs, r)
	}
	slices.SortStableFunc(h.Runs, func(a, b Run) int { return a.Started.Compare(b.Started) })
	return true
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
	news = h.takeLog(s, runs) || news
	if runs {
		return h.follow(s) || news
	}
	clear(h.seen)
	return h.end(s) || news
}

// takeLog takes in the kernel's log: first what fits to the second.
func (h *History) takeLog(s Sight, runs bool) bool {
	news := false
	var rest []Run
	fits := map[time.Time]bool{}
	for _, r := range s.Log {
		if r.Outcome == Running && s.Live && !runs {
			r.Outcome, r.Detail = Unknown, "the kernel's log does not have its end"
		}
		if at := h.find(r); at >= 0 {
			fits[h.Runs[at].Started] = true
			news = h.put(at, r) || news
		} else {
			rest = append(rest, r)
		}
	}
	for _, r := range rest {
		at := slices.IndexFunc(h.Runs, func(o Run) bool { return o.Source != FromLog && !fits[o.Started] && drifted(r, o) })
		if at >= 0 {
			fits[h.Runs[at].Started] = true
		}
		news = h.put(at, r) || news
	}
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
	news := r == nil
	if last := h.Last(); news && last != nil && s.Now.Sub(last.Ended).Abs() < justEnded {
		// The progress was asked for just before the run's end was written
		// down. If it is another run, the next look will see that as well.
		return false
	}
	if news {
		h.Runs = append(h.Runs, Run{Started: s.Now, Outcome: Running, Source: FromProgress})
		r = h.Current()
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
		if before.LastPhysical > p.LastPhysical { // another run
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

// end settles what was under way and is no more.
func (h *History) end(s Sight) bool {
	news := false
	for i := range h.Runs {
		r := &h.Runs[i]
		if r.Outcome != Running {
			continue
		}
		if r.PID != 0 && s.Alive != nil {
			if s.Alive(r.PID) {
				continue
			}
			r.Outcome, r.Detail = Interrupted, "who ran it ended without a word"
		} else if !s.Live || s.Status != nil && s.Status.Outcome == Running && s.Now.Sub(s.Modified) < endTime {
			continue
		} else if r.Source == FromProgress && r.Total > 0 && r.Whole() {
			r.Outcome, r.Detail = Finished, fmt.Sprintf("as its progress shows: %d of %d bytes", r.Bytes, r.Total)
		} else if r.Source == FromProgress || r.Source == FromLog {
			r.Outcome, r.Detail = Unknown, "its end was not seen"
		} else {
			r.Outcome = Interrupted
		}
		r.PID, r.dirty = 0, true
		if r.Ended.IsZero() {
			r.Ended = s.Now
		}
		for j := range r.Devices {
			if r.Devices[j].Outcome == Running {
				r.Devices[j].Outcome = r.Outcome
			}
		}
		news = true
	}
	return news
}
