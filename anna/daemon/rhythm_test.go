package daemon

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRhythm holds tickers that begin at different times to the same moments.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		r := rhythm{began}
		due := func(tick *rhythmic, want ...time.Duration) {
			t.Helper()
			for _, want := range want {
				<-tick.C
				tick.turned()
				if at := time.Since(began); at != want {
					t.Errorf("a tick came after %s, not %s", at, want)
				}
			}
		}
		time.Sleep(3300 * time.Millisecond)
		tick := r.start(10 * time.Second)
		defer tick.stop()
		due(tick, 10*time.Second, 20*time.Second, 30*time.Second)
		time.Sleep(4 * time.Second)
		minutes := r.start(time.Minute)
		defer minutes.stop()
		due(minutes, time.Minute, 2*time.Minute)
		<-tick.C // it was in time, and nobody waited
		tick.turned()
		time.Sleep(5 * time.Second)
		tick.set(4 * time.Second)
		tick.set(4 * time.Second) // as before: nothing changes
		due(tick, 128*time.Second, 132*time.Second)
		never := &rhythmic{}
		defer never.stop()
		select {
		case <-never.C:
			t.Error("what never ticks did")
		case <-time.After(time.Hour):
		}
	})
}

// TestCommonStep has samples come as often as they are wanted.
func TestCommonStep(t *testing.T) {
	for _, c := range []struct{ interval, want time.Duration }{
		{time.Second, time.Second},
		{10 * time.Second, 10 * time.Second},
		{15 * time.Second, 5 * time.Second},
		{time.Minute, 10 * time.Second},
		{1500 * time.Millisecond, time.Second}, // half a second would be too often
	} {
		if got := common(c.interval, slowly); got != c.want {
			t.Errorf("every %s and every %s: a step of %s, not %s", c.interval, slowly, got, c.want)
		}
	}
}
