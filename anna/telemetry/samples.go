package telemetry

import (
	"math"
	"time"
)

// A Resolution is how much time one stored sample sums up, in seconds.
type Resolution int64

// The resolutions, and how long each is kept.
const (
	TenSeconds Resolution = 10  // 1 hour
	Minute     Resolution = 60  // 1 day
	TenMinutes Resolution = 600 // 30 days
)

func (r Resolution) keep() time.Duration {
	switch r {
	case TenSeconds:
		return time.Hour
	case Minute:
		return 24 * time.Hour
	}
	return 30 * 24 * time.Hour
}

// A Sample sums up the readings of one span of time. Min, Max and Count are
// exact whatever was rolled up; Avg is weighted by Count.
type Sample struct {
	Time                time.Time // the beginning of the span
	Resolution          Resolution
	Min, Avg, Max, Last float64
	Count               int64
}

// floor returns the beginning of the span that a moment lies in.
func (r Resolution) floor(sec int64) int64 {
	rest := sec % int64(r)
	if rest < 0 {
		rest += int64(r)
	}
	return sec - rest
}

// fold adds a later sample to s.
func (s *Sample) fold(next Sample) {
	if s.Count == 0 {
		r, t := s.Resolution, s.Time
		*s = next
		s.Resolution, s.Time = r, t
		return
	}
	n := s.Count + next.Count
	s.Avg += (next.Avg - s.Avg) * float64(next.Count) / float64(n)
	s.Min, s.Max, s.Last, s.Count = min(s.Min, next.Min), max(s.Max, next.Max), next.Last, n
}

// foldAll sums samples in order of time up into spans of a resolution.
func foldAll(list []Sample, r Resolution) []Sample {
	var out []Sample
	for _, s := range list {
		begin := time.Unix(r.floor(s.Time.Unix()), 0)
		if len(out) == 0 || !out[len(out)-1].Time.Equal(begin) {
			out = append(out, Sample{Time: begin, Resolution: r})
		}
		out[len(out)-1].fold(s)
	}
	return out
}

// A Point is one reading of a series. NaN and infinities are no readings.
type Point struct {
	Series string
	Value  float64
}

// maxSeries bounds how many series are kept; readings of more are refused and
// counted.
const maxSeries = 512

// Observe records readings that were taken at now; the machine's, every 10 s.
// A figure that is unknown is left out: a gap, not a 0.
func (s *Store) Observe(now time.Time, points ...Point) { s.observe(now, false, points) }

// ObserveOwn records the daemon's own readings, every second: they also go to
// the ring that Recent reads.
func (s *Store) ObserveOwn(now time.Time, points ...Point) { s.observe(now, true, points) }

func (s *Store) observe(now time.Time, own bool, points []Point) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	before := s.waiting.rows()
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		if !s.live.add(now, p, own, s.waiting) {
			s.stats.Refused++
		}
	}
	grown := s.waiting.rows() > before
	s.bound()
	s.mu.Unlock()
	if grown {
		s.wait()
	}
}
