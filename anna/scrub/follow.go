package scrub

import (
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

// justEnded is for how long after a run's end live progress is taken for its
// last, not for the first of another.
const justEnded = 500 * time.Millisecond

// fresh is for how long a status file speaks of what runs, where nobody can ask
// the kernel: btrfs-progs write it every five seconds.
const fresh = 15 * time.Second

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
		if h.progress(r, p, s.Totals[p.Device]) {
			news = true
		}
	}
	r.dirty = true
	r.Sum()
	r.Seconds = max(0, s.Now.Sub(r.Started).Seconds())
	if news {
		h.rejoin() // some of its devices may be done
	}
	return news
}

// progress puts that of one device into a run, and says whether errors were
// counted that cannot be corrected.
func (h *History) progress(r *Run, p btrfs.ScrubProgress, total uint64) (bad bool) {
	d := DeviceOf(p, Running)
	d.Total = total
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
	h.seen[p.Device] = p
	if p.Uncorrectable <= before.Uncorrectable {
		return false
	}
	r.suspect(Window{p.Device, before.LastPhysical, p.LastPhysical})
	return true
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
