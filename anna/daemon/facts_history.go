package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// pastTime bounds one question to the store.
const pastTime = 2 * time.Second

// A past answers rules' questions about what numbers were, from the store. An
// answer is kept for a part of the time that it is about.
type past struct {
	store func() *telemetry.Store

	mu   sync.Mutex
	kept map[facts.Past]keptAnswer // Now left out
}

type keptAnswer struct {
	value facts.Value
	until time.Time
	used  time.Time
}

func newPast(store func() *telemetry.Store) *past {
	return &past{store: store, kept: map[facts.Past]keptAnswer{}}
}

// Over implements [facts.History].
func (p *past) Over(q facts.Past) facts.Value {
	key := q
	key.Now = time.Time{}
	p.mu.Lock()
	defer p.mu.Unlock()
	if k, ok := p.kept[key]; ok && q.Now.Before(k.until) {
		k.used = q.Now
		p.kept[key] = k
		return k.value
	}
	ctx, cancel := context.WithTimeout(context.Background(), pastTime)
	defer cancel()
	list, err := p.store().Series(ctx, q.Series, q.Now.Add(-q.Span), q.Now.Add(time.Second), resolutionOf(q.Span))
	var v facts.Value
	if err != nil {
		v = facts.Unknownf("the stored samples cannot be read: %v", err)
	} else {
		v = over(q, list)
	}
	keep := min(max(q.Span/60, 10*time.Second), 10*time.Minute)
	p.kept[key] = keptAnswer{value: v, until: q.Now.Add(keep), used: q.Now}
	for k, a := range p.kept { // of rules and objects that are gone
		if q.Now.Sub(a.used) > time.Hour {
			delete(p.kept, k)
		}
	}
	return v
}

// resolutionOf is fine enough for a span, and has been kept for as long.
func resolutionOf(span time.Duration) telemetry.Resolution {
	switch {
	case span <= time.Hour:
		return telemetry.TenSeconds
	case span <= 24*time.Hour:
		return telemetry.Minute
	}
	return telemetry.TenMinutes
}

// over is what a window says of samples in order of time. Half of the time, and
// its beginning, must have been measured.
func over(q facts.Past, list []telemetry.Sample) facts.Value {
	if len(list) == 0 {
		return facts.Unknown("it has not been measured in that time")
	}
	resolution := time.Duration(list[0].Resolution) * time.Second
	first, last := list[0], list[len(list)-1]
	known := q.Now.Sub(first.Time)
	if known < q.Span*8/10 {
		return facts.Unknownf("it has been measured for %s of %s", facts.WriteNumber(known.Seconds(), facts.Seconds), facts.Span(q.Span))
	}
	if time.Duration(len(list))*resolution < q.Span/2 {
		return facts.Unknown("it was measured less than half of the time")
	}
	lowest, highest, sum, count := first.Min, first.Max, 0.0, int64(0)
	for _, s := range list {
		lowest, highest = min(lowest, s.Min), max(highest, s.Max)
		sum += s.Avg * float64(s.Count)
		count += s.Count
	}
	switch q.Window {
	case "avg":
		return facts.Num(sum / float64(max(count, 1)))
	case "highest":
		return facts.Num(highest)
	case "lowest":
		return facts.Num(lowest)
	}
	seconds := last.Time.Sub(first.Time).Seconds()
	if seconds <= 0 {
		return facts.Unknown("it was measured once only")
	}
	grown := last.Last - first.Last
	if q.Counter {
		grown = 0
		for i := 1; i < len(list); i++ {
			step := list[i].Last - list[i-1].Last
			if step < 0 { // it began anew
				step = list[i].Last
			}
			grown += step
		}
	}
	return facts.Num(grown / seconds)
}

// Times of a forecast.
const (
	fillSpan  = 6 * time.Hour
	fillLeast = time.Hour
	fillYears = 10 * 365 * 24 * time.Hour // beyond this nobody can say
)

// fillRate is by how much a series grew per second, where it grew steadily: in
// each third of the time more than in the one before.
func fillRate(list []telemetry.Sample, now time.Time) (rate float64, why string) {
	if len(list) == 0 || now.Sub(list[0].Time) < fillLeast {
		return 0, "it has not been measured for an hour yet"
	}
	if len(list) < 6 {
		return 0, "it was measured too rarely"
	}
	var mean, at [3]float64
	for third := range mean {
		part := list[third*len(list)/3 : (third+1)*len(list)/3]
		for _, s := range part {
			mean[third] += s.Avg / float64(len(part))
			at[third] += s.Time.Sub(list[0].Time).Seconds() / float64(len(part))
		}
	}
	if !(mean[0] < mean[1] && mean[1] < mean[2]) {
		return 0, "it does not grow steadily"
	}
	return (mean[2] - mean[0]) / (at[2] - at[0]), ""
}
