package metrics

import (
	"slices"
	"sync"
	"time"
)

// Bounds of a window's size.
const (
	DefaultWindow = 100
	MaxWindow     = 10_000
)

// A Window keeps the last N requests: how long each took and whether it
// failed. Record does not allocate. All methods may be called concurrently.
type Window struct {
	mu   sync.Mutex
	ring []request
	next int // where the next request goes
	n    int // how many of ring are filled
}

type request struct {
	took   time.Duration
	failed bool
}

// WindowStats says what a window holds. Percentiles are by nearest rank: each
// is a duration that was measured. Durations are rounded to microseconds; with
// no sample they are nil, for an average of nothing is not 0.
type WindowStats struct {
	Size   int // how many requests the window can hold
	Count  int // how many it holds
	Errors int // how many of those failed

	Avg, P50, P95, P99, Max *time.Duration
}

// ErrorRate returns the share of failed requests in the window, 0 to 1.
func (s WindowStats) ErrorRate() Figure[float64] {
	if s.Count == 0 {
		return Unknown[float64]("no request yet")
	}
	return Known(float64(s.Errors) / float64(s.Count))
}

// NewWindow returns a window over the last size requests, size brought into
// 1..MaxWindow.
func NewWindow(size int) *Window {
	return &Window{ring: make([]request, clampWindow(size))}
}

func clampWindow(size int) int { return min(max(size, 1), MaxWindow) }

// Record adds one request. A negative duration (a clock that was no monotonic
// one) counts as 0.
func (w *Window) Record(took time.Duration, failed bool) {
	w.mu.Lock()
	w.ring[w.next] = request{max(took, 0), failed}
	if w.next++; w.next == len(w.ring) {
		w.next = 0
	}
	if w.n < len(w.ring) {
		w.n++
	}
	w.mu.Unlock()
}

// Resize changes how many requests the window holds and keeps the newest ones
// that fit.
func (w *Window) Resize(size int) {
	size = clampWindow(size)
	w.mu.Lock()
	defer w.mu.Unlock()
	if size == len(w.ring) {
		return
	}
	kept := w.oldestFirst()
	kept = kept[max(0, len(kept)-size):]
	w.ring = make([]request, size)
	w.n = copy(w.ring, kept)
	w.next = w.n % size
}

// oldestFirst copies the filled part of the ring in order of arrival.
func (w *Window) oldestFirst() []request {
	out := make([]request, 0, w.n)
	if w.n == len(w.ring) {
		out = append(out, w.ring[w.next:]...)
	}
	return append(out, w.ring[:w.next]...)
}

// Stats returns what the window holds now.
func (w *Window) Stats() WindowStats {
	w.mu.Lock()
	s := WindowStats{Size: len(w.ring), Count: w.n}
	took := make([]time.Duration, w.n)
	var sum time.Duration
	for i, r := range w.ring[:w.n] {
		took[i] = r.took
		sum += r.took
		if r.failed {
			s.Errors++
		}
	}
	w.mu.Unlock()
	if s.Count == 0 {
		return s
	}
	slices.Sort(took)
	s.Avg = micros(sum / time.Duration(len(took)))
	s.P50 = micros(nearestRank(took, 50))
	s.P95 = micros(nearestRank(took, 95))
	s.P99 = micros(nearestRank(took, 99))
	s.Max = micros(took[len(took)-1])
	return s
}

// nearestRank returns the smallest element that at least percent of all are
// not greater than: rank ceil(percent/100 * n) of the sorted list.
func nearestRank(sorted []time.Duration, percent int) time.Duration {
	rank := (percent*len(sorted) + 99) / 100
	return sorted[max(rank, 1)-1]
}

func micros(d time.Duration) *time.Duration {
	d = d.Round(time.Microsecond)
	return &d
}
