package daemon

import (
	"strconv"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// course makes samples a minute apart, up to now.
func course(now time.Time, values ...float64) []telemetry.Sample {
	var list []telemetry.Sample
	for i, v := range values {
		at := now.Add(time.Duration(i-len(values)+1) * time.Minute)
		list = append(list, telemetry.Sample{Time: at, Resolution: telemetry.Minute, Min: v, Avg: v, Max: v, Last: v, Count: 6})
	}
	return list
}

func TestOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	const span = 10 * time.Minute
	for _, c := range []struct {
		window  string
		counter bool
		values  []float64
		want    string
	}{
		{"avg", false, []float64{1, 1, 1, 1, 1, 3, 3, 3, 3, 3}, "2"},
		{"highest", false, []float64{1, 9, 1, 1, 1, 1, 1, 1, 1, 1}, "9"},
		{"lowest", false, []float64{5, 9, 5, 5, 5, 1, 5, 5, 5, 5}, "1"},
		{"rate", false, []float64{0, 60, 120, 180, 240, 300, 360, 420, 480, 540}, "1"},
		{"rate", false, []float64{540, 480, 420, 360, 300, 240, 180, 120, 60, 0}, "-1"},
		{"rate", true, []float64{0, 60, 120, 0, 60, 120, 180, 240, 300, 360}, "0.9"}, // it began anew
		{"avg", false, []float64{1, 1, 1}, "unknown (it has been measured for 2 min of 10m)"},
		{"avg", false, nil, "unknown (it has not been measured in that time)"},
	} {
		got := facts.Write(over(facts.Past{Window: c.window, Counter: c.counter, Span: span, Now: now}, course(now, c.values...)), facts.None)
		if got != c.want {
			t.Errorf("%s of %v: got %s, want %s", c.window, c.values, got, c.want)
		}
	}
	gap := course(now, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	if v := over(facts.Past{Window: "avg", Span: span, Now: now}, append(gap[:2:2], gap[9])); v.Known() {
		t.Error("three minutes of ten say something")
	}
}

func TestFillRate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var steady, shaky, shrinking []float64
	for i := range 120 {
		steady = append(steady, float64(i)*600)
		shaky = append(shaky, float64(i%40))
		shrinking = append(shrinking, float64(-i))
	}
	if rate, why := fillRate(course(now, steady...), now); why != "" || rate < 9.99 || rate > 10.01 {
		t.Errorf("%v %s", rate, why)
	}
	for _, values := range [][]float64{shaky, shrinking, steady[:30], nil} {
		if rate, why := fillRate(course(now, values...), now); why == "" {
			t.Errorf("a rate of %v", rate)
		}
	}
}

// TestForecastsAreForgotten: each container is a mount point of its own, and
// most never come again.
func TestForecastsAreForgotten(t *testing.T) {
	c := newCollector(newRig(t, calm).Daemon)
	now := time.Now()
	for i := range 100 {
		now = now.Add(time.Minute)
		c.fullIn(t.Context(), now, metrics.Mount{Point: "/containers/" + strconv.Itoa(i), Available: metrics.Known[uint64](1)})
	}
	if n := len(c.fill); n > 10 {
		t.Errorf("%d forecasts are kept, of mounts that were there for a minute each", n)
	}
}

// TestScrubDue: only what is certain is yes or no.
func TestScrubDue(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	ago := func(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }
	ended := func(days int) []scrub.Run {
		return []scrub.Run{{Started: ago(days), Ended: ago(days), Outcome: scrub.Finished}}
	}
	for name, c := range map[string]struct {
		state scrub.State
		want  string
	}{
		"lately":                       {scrub.State{Runs: ended(5)}, "no"},
		"long ago, and all is seen":    {scrub.State{Runs: ended(40), Since: ago(50)}, "yes"},
		"long ago, not all is seen":    {scrub.State{Runs: ended(40), Since: ago(10)}, "unknown (scrubs are not watched for long enough yet)"},
		"never, in all the time":       {scrub.State{Since: ago(31)}, "yes"},
		"never, and it is new":         {scrub.State{Made: ago(3), Since: ago(1)}, "no"},
		"somebody did, and it is root": {scrub.State{Runs: ended(40), Since: ago(50), Touched: ago(2)}, "unknown (a scrub was run, and how it ended only root may read)"},
		"not to be seen":               {scrub.State{Why: "no right"}, "unknown (no right)"},
	} {
		if got := facts.Write(scrubDue(c.state, now, 30*24*time.Hour), facts.None); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
