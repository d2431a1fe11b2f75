package events

import "time"

// A rateMeter counts per second over the last 15 minutes: exact windows, no
// ticker, a fixed 7 kB.
type rateMeter struct {
	start   time.Time
	seconds [15 * 60]uint64
	last    int64 // second, since start, that was counted last
}

func newRateMeter(now time.Time) *rateMeter { return &rateMeter{start: now} }

// advance empties the seconds between the last count and now.
func (m *rateMeter) advance(now time.Time) {
	sec := max(int64(now.Sub(m.start)/time.Second), m.last)
	if sec-m.last >= int64(len(m.seconds)) {
		clear(m.seconds[:])
	} else {
		for s := m.last + 1; s <= sec; s++ {
			m.seconds[s%int64(len(m.seconds))] = 0
		}
	}
	m.last = sec
}

func (m *rateMeter) add(now time.Time, n uint64) {
	m.advance(now)
	m.seconds[m.last%int64(len(m.seconds))] += n
}

// perSecond is the mean over the last window, or over the life when that is
// shorter (but at least a second).
func (m *rateMeter) perSecond(now time.Time, window time.Duration) float64 {
	m.advance(now)
	n := min(int64(window/time.Second), m.last+1)
	var sum uint64
	for s := m.last - n + 1; s <= m.last; s++ {
		sum += m.seconds[s%int64(len(m.seconds))]
	}
	return float64(sum) / max(min(window, now.Sub(m.start)).Seconds(), 1)
}
