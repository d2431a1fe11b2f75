package telemetry

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

type reading struct {
	at    int64
	value float64
}

// bruteForce sums all readings up at once, the slow and plain way.
func bruteForce(list []reading, r Resolution) map[int64]*Sample {
	out := map[int64]*Sample{}
	sums := map[int64]float64{}
	for _, x := range list {
		t := x.at - x.at%int64(r)
		s := out[t]
		if s == nil {
			s = &Sample{Min: math.Inf(1), Max: math.Inf(-1)}
			out[t] = s
		}
		s.Min, s.Max, s.Last = min(s.Min, x.value), max(s.Max, x.value), x.value
		s.Count++
		sums[t] += x.value
		s.Avg = sums[t] / float64(s.Count)
	}
	return out
}

func compareSeries(t *testing.T, what string, got []Sample, want map[int64]*Sample) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d samples, want %d", what, len(got), len(want))
	}
	for _, g := range got {
		w := want[g.Time.Unix()]
		if w == nil {
			t.Errorf("%s: a sample at %v that should not be", what, g.Time.Unix())
			continue
		}
		if g.Min != w.Min || g.Max != w.Max || g.Count != w.Count || g.Last != w.Last || math.Abs(g.Avg-w.Avg) > 1e-9*math.Max(1, math.Abs(w.Avg)) {
			t.Errorf("%s at %d: got %+v, want %+v", what, g.Time.Unix(), g, *w)
		}
	}
}

// Rolled up by and by, with commits at any moment and restarts between, the
// samples of every resolution are what all readings at once give.
func TestRollUpIsExact(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		begin := int64(1_700_000_400)
		begin -= begin % 600
		now := time.Unix(begin, 0)
		opt := Options{Now: func() time.Time { return now }, CommitEvery: time.Hour}
		dir := t.TempDir()
		s, err := Open(t.Context(), dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string][]reading{}
		for now.Unix() < begin+55*60 {
			if rnd.IntN(20) == 0 { // nobody measured for a while
				now = now.Add(time.Duration(rnd.IntN(200)) * time.Second)
			}
			for i := range 3 {
				if name := fmt.Sprint("s", i); rnd.IntN(5) > 0 {
					v := rnd.NormFloat64() * 1000
					s.Observe(now, Point{name, v})
					all[name] = append(all[name], reading{now.Unix(), v})
				}
			}
			switch rnd.IntN(40) {
			case 0, 1:
				flush(t, s)
			case 2:
				if err := s.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if s, err = Open(t.Context(), dir, opt); err != nil {
					t.Fatal(err)
				}
			}
			now = now.Add(time.Duration(1+rnd.IntN(12)) * time.Second)
		}
		for _, when := range []string{"as it is", "committed", "reopened"} {
			switch when {
			case "committed":
				flush(t, s)
			case "reopened":
				s.Close(t.Context())
				if s, err = Open(t.Context(), dir, opt); err != nil {
					t.Fatal(err)
				}
			}
			for name, readings := range all {
				for _, r := range []Resolution{TenSeconds, Minute, TenMinutes} {
					got, err := s.Series(t.Context(), name, time.Unix(begin, 0), now.Add(time.Hour), r)
					if err != nil {
						t.Fatal(err)
					}
					compareSeries(t, fmt.Sprintf("seed %d, %s, %s, %d s", seed, when, name, r), got, bruteForce(readings, r))
				}
			}
		}
		healthy(t, s)
		s.Close(context.Background())
	}
}

// A clock that is set back brings samples late: they are rolled up as well, as
// long as the finest resolution reaches back to them, and counted after.
func TestClockSetBack(t *testing.T) {
	now := time.Unix(1_700_000_400, 0).Add(time.Hour)
	s := open(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	s.Observe(now.Add(-20*time.Second), Point{"x", 1})
	s.Observe(now, Point{"x", 3})
	s.Observe(now.Add(10*time.Second), Point{"x", 3})
	now = now.Add(2 * time.Minute)
	flush(t, s)
	s.Observe(now.Add(-130*time.Second), Point{"x", 5}) // in a minute that is rolled up
	s.Observe(now.Add(-100*time.Second), Point{"x", 5})
	s.Observe(now.Add(-3*time.Hour), Point{"x", 9})
	s.Observe(now, Point{"x", 3})
	flush(t, s)
	list, err := s.Series(t.Context(), "x", now.Add(-4*time.Hour), now.Add(-time.Minute), Minute)
	if err != nil {
		t.Fatal(err)
	}
	var count int64
	highest := 0.0
	for _, sample := range list {
		count += sample.Count
		highest = max(highest, sample.Max)
	}
	if count != 5 || highest != 5 {
		t.Errorf("got %+v", list)
	}
	if lost := s.Stats().LostSamples; lost != 1 {
		t.Errorf("%d samples are counted late, want 1", lost)
	}
}

func TestRing(t *testing.T) {
	s := open(t, "", Options{})
	begin := time.Unix(1_700_000_000, 0)
	for i := range ringSize + 50 {
		s.ObserveOwn(begin.Add(time.Duration(i)*time.Second), Point{"own", float64(i)}, Point{"nan", math.NaN()})
		s.Observe(begin, Point{"machine", 1})
	}
	got := s.Recent("own")
	if len(got) != ringSize || got[0].Value != 50 || got[ringSize-1].Value != ringSize+49 {
		t.Errorf("%d readings from %v to %v", len(got), got[0], got[len(got)-1])
	}
	if len(s.Recent("nan"))+len(s.Recent("machine"))+len(s.Recent("unheard of")) != 0 {
		t.Error("a ring where there should be none")
	}
}

func TestSeriesAreBounded(t *testing.T) {
	s := open(t, "", Options{})
	for i := range maxSeries + 7 {
		s.Observe(time.Unix(1_700_000_000, 0), Point{fmt.Sprint(i), 1})
	}
	if open, refused := len(s.live.open), s.Stats().Refused; open != maxSeries || refused != 7 {
		t.Errorf("%d series, %d refused", open, refused)
	}
}
