package scrub

import (
	"reflect"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

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
// end on all devices.
func (h *History) Last() *Run {
	return h.newest(func(r *Run) bool { return r.Outcome != Running })
}

// LastFinished is documented at Last.
func (h *History) LastFinished() *Run {
	return h.newest(func(r *Run) bool { return r.Outcome == Finished && !r.Partial() })
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
