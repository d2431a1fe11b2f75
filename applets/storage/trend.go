package storage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// trendFigures are the figures that can run out, by their name in an answer and
// in the store, where the daemon's Btrfs module writes them.
var trendFigures = []struct{ name, series string }{
	{"free", "btrfs_free_bytes"},
	{"unallocated", "btrfs_unallocated_bytes"},
	{"metadata_headroom", "btrfs_metadata_headroom_bytes"},
}

const (
	trendTime = 7 * 24 * time.Hour // what a trend is made of
	trendMin  = 24 * time.Hour     // less tells of a day's rhythm only
)

// trend reads how the space went from the daemon's store.
func (s *server) trend(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	id, err := btrfs.ParseUUID(p.UUID)
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot read the trend: %w", err)
	}
	return trendOf(r.Context(), h.Store(), id.String(), time.Now())
}

func trendOf(ctx context.Context, store *telemetry.Store, uuid string, now time.Time) (*Trend, error) {
	t := &Trend{Lines: []TrendLine{}}
	for _, f := range trendFigures {
		samples, err := store.Series(ctx, f.series+"{"+uuid+"}", now.Add(-trendTime), now, telemetry.TenMinutes)
		if err != nil && len(samples) == 0 {
			return nil, fmt.Errorf("cannot read the history of %s: %w", f.name, err)
		}
		if len(samples) == 0 {
			continue
		}
		first := samples[0].Time
		enough := samples[len(samples)-1].Time.Sub(first) >= trendMin
		if !enough { // minutes count, and ten of them may have begun before anybody watched
			if fine, err := store.Series(ctx, f.series+"{"+uuid+"}", first, now, telemetry.Minute); err == nil && len(fine) > 0 {
				first = fine[0].Time
			}
		}
		if t.Since.IsZero() || first.Before(t.Since) {
			t.Since = first.UTC()
		}
		t.Samples = max(t.Samples, len(samples))
		if !enough {
			continue
		}
		t.Lines = append(t.Lines, lineOf(f.name, samples))
	}
	switch {
	case t.Samples == 0:
		t.Why = "no history yet"
	case len(t.Lines) == 0:
		past := "less than a minute"
		if d := now.Sub(t.Since).Truncate(time.Minute); d > 0 {
			past = ui.Span(d)
		}
		t.Why = fmt.Sprintf("history of %s, and %s are needed", past, ui.Span(trendMin))
	}
	return t, nil
}

// lineOf is the course of one figure: the median of its changes from one time to
// the same time the next day. So the rhythm of a day does not count, nor does
// one deletion of many snapshots or one large file.
func lineOf(name string, samples []telemetry.Sample) TrendLine {
	last := samples[len(samples)-1].Last
	var slopes []float64
	j := 0
	for _, a := range samples {
		for j < len(samples) && samples[j].Time.Sub(a.Time) < trendMin {
			j++
		}
		if j == len(samples) {
			break
		}
		b := samples[j]
		slopes = append(slopes, (b.Avg-a.Avg)/b.Time.Sub(a.Time).Seconds())
	}
	slices.Sort(slopes)
	l := TrendLine{Figure: name, Last: last}
	if len(slopes) == 0 {
		return l
	}
	slope := slopes[len(slopes)/2]
	l.PerDay = slope * (24 * time.Hour).Seconds()
	if slope < 0 {
		left := max(last, 0) / -slope
		l.LeftSec = &left
	}
	return l
}
