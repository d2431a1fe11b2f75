package daemon

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// recent says by how much a counter grew within the last span.
type recent struct {
	span, step time.Duration
	points     []point // oldest first, step apart
}

type point struct {
	at    time.Time
	value uint64
}

// add takes a reading. A counter that went back began anew.
func (r *recent) add(now time.Time, value uint64) uint64 {
	n := len(r.points)
	switch {
	case n > 0 && value < r.points[n-1].value:
		r.points = append(r.points[:0], point{now, value})
	case n == 0 || now.Sub(r.points[n-1].at) >= r.step:
		r.points = append(r.points, point{now, value})
	}
	for len(r.points) > 1 && now.Sub(r.points[0].at) > r.span {
		r.points = r.points[1:]
	}
	return value - r.points[0].value
}

func (r *recent) reading(now time.Time, f metrics.Figure[uint64]) health.Reading[uint64] {
	if !f.Known {
		return health.Reading[uint64]{Reason: f.Why()}
	}
	return health.Known(r.add(now, f.Value))
}
