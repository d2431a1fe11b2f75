package telemetry

import "time"

// ringSize is how many readings of the daemon's own series are kept: five
// minutes of one a second.
const ringSize = 300

// A Reading is one value of a ring.
type Reading struct {
	Time  time.Time
	Value float64
}

// gauges holds what is going on now: the open ten seconds of each series, and
// the rings.
type gauges struct {
	open map[string]*gauge
}

type gauge struct {
	series string
	now    Sample // the open span; Count 0 when there is none
	ring   []Reading
	next   int
}

func newGauges() *gauges { return &gauges{open: map[string]*gauge{}} }

// add takes one reading. The span before goes to the batch when a new one
// begins. It tells whether there was room for the series.
func (g *gauges) add(now time.Time, p Point, own bool, b *batch) bool {
	one := g.open[p.Series]
	if one == nil {
		if len(g.open) >= maxSeries {
			return false
		}
		one = &gauge{series: p.Series}
		g.open[p.Series] = one
	}
	begin := time.Unix(TenSeconds.floor(now.Unix()), 0)
	if one.now.Count > 0 && !one.now.Time.Equal(begin) {
		one.close(b)
	}
	if one.now.Count == 0 {
		one.now = Sample{Time: begin, Resolution: TenSeconds}
	}
	one.now.fold(Sample{Min: p.Value, Avg: p.Value, Max: p.Value, Last: p.Value, Count: 1})
	if own {
		one.push(Reading{Time: now, Value: p.Value})
	}
	return true
}

func (one *gauge) close(b *batch) {
	b.addSample(sampleRow{series: one.series, Sample: one.now})
	one.now = Sample{}
}

func (one *gauge) push(r Reading) {
	if len(one.ring) < ringSize {
		one.ring = append(one.ring, r)
		return
	}
	one.ring[one.next] = r
	one.next = (one.next + 1) % ringSize
}

// closeEnded ends the spans that are over, so that none is left in a minute that
// is rolled up.
func (g *gauges) closeEnded(now time.Time, b *batch) {
	for _, one := range g.open {
		if one.now.Count > 0 && !one.now.Time.Add(time.Duration(TenSeconds)*time.Second).After(now) {
			one.close(b)
		}
	}
}

// closeAll ends every open span.
func (g *gauges) closeAll(b *batch) {
	for _, one := range g.open {
		if one.now.Count > 0 {
			one.close(b)
		}
	}
}

func (g *gauges) recent(series string) []Reading {
	one := g.open[series]
	if one == nil {
		return nil
	}
	out := make([]Reading, 0, len(one.ring))
	return append(append(out, one.ring[one.next:]...), one.ring[:one.next]...)
}
