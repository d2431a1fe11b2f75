package health

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var timing = Timing{RaiseAfter: 10 * time.Second, ClearAfter: time.Minute}

// A run drives a tracker second by second.
type run struct {
	tracker *Tracker
	now     time.Time
	log     []string
	changes []Change
}

func newRun() *run {
	return &run{tracker: NewTracker(Checks), now: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)}
}

// hold takes the same verdicts for a time.
func (r *run) hold(length time.Duration, verdicts map[string]Verdict) {
	for range int(length / time.Second) {
		r.step(verdicts)
	}
}

func (r *run) step(verdicts map[string]Verdict) {
	r.now = r.now.Add(time.Second)
	for _, c := range r.tracker.Step(r.now, verdicts, timing) {
		r.log = append(r.log, fmt.Sprintf("%s %s %s", c.Kind, c.Finding.Level, c.Finding.ID))
		r.changes = append(r.changes, c)
	}
}

func (r *run) acknowledge(id string, a Ack) {
	for _, c := range r.tracker.Acknowledge(r.now, id, a) {
		r.log = append(r.log, fmt.Sprintf("%s %s %s", c.Kind, c.Finding.Level, c.Finding.ID))
		r.changes = append(r.changes, c)
	}
}

func (r *run) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.log, want) {
		t.Errorf("transitions:\n%s\nwant:\n%s", strings.Join(r.log, "\n"), strings.Join(want, "\n"))
	}
	r.log = nil
}

func bad(id string, l Level) map[string]Verdict {
	return map[string]Verdict{id: {Level: l, Detail: id + " is " + l.String()}}
}

func TestRaisedAndClearedAfterTheirTimes(t *testing.T) {
	r := newRun()
	r.hold(10*time.Second, bad("queue", Warning)) // 9 s from the first to the last
	r.want(t)
	if s := r.tracker.State(r.now); s.Level != OK || len(s.Findings) != 0 {
		t.Errorf("it counts before it is raised: %+v", s)
	}
	r.hold(time.Second, bad("queue", Warning))
	r.want(t, "raised warning queue")
	s := r.tracker.State(r.now)
	if s.Level != Warning || len(s.Findings) != 1 || !s.Findings[0].Since.Equal(r.now.Add(-10*time.Second)) {
		t.Errorf("since is when it began: %+v", s.Findings)
	}
	r.hold(time.Minute, nil)
	r.want(t)
	if f := r.tracker.State(r.now).Findings; len(f) != 1 || f[0].BetterSince == nil || f[0].Detail != "queue is warning" {
		t.Errorf("while it clears: %+v", f)
	}
	r.hold(time.Second, nil)
	r.want(t, "resolved warning queue")
	if c := r.changes[len(r.changes)-1]; c.LastedSec != 71-1 && c.LastedSec != 71 {
		t.Errorf("it lasted %g s", c.LastedSec)
	}
}

func TestLevelChanges(t *testing.T) {
	r := newRun()
	r.hold(11*time.Second, bad("queue", Warning))
	r.hold(11*time.Second, bad("queue", Critical))
	r.hold(61*time.Second, bad("queue", Warning))
	r.hold(61*time.Second, nil)
	r.want(t, "raised warning queue", "changed critical queue", "changed warning queue", "resolved warning queue")
}

func TestCriticalMemoryIsRaisedAtOnce(t *testing.T) {
	r := newRun()
	r.step(bad("memory", Warning))
	r.want(t)
	r.step(bad("memory", Critical))
	r.want(t, "raised critical memory")
	r.hold(62*time.Second, nil)
	r.want(t, "resolved critical memory")
}

// TestUnknownIsNotBad holds that what cannot be checked raises nothing, and
// does not hold a finding up.
func TestUnknownIsNotBad(t *testing.T) {
	r := newRun()
	r.hold(time.Hour, bad("memory", Unknown))
	r.want(t)
	if s := r.tracker.State(r.now); s.Level != OK || s.Checks[slices.IndexFunc(Checks, func(c Check) bool { return c.ID == "memory" })].Result != Unknown {
		t.Errorf("%+v", s)
	}
	r.hold(11*time.Second, bad("memory", Warning))
	r.hold(61*time.Second, bad("memory", Unknown))
	r.want(t, "raised warning memory", "resolved warning memory")
}

// TestCauseHidesConsequences holds that a stuck handler explains a full queue,
// whichever is seen first, and no more than that.
func TestCauseHidesConsequences(t *testing.T) {
	r := newRun()
	both := bad("event_loop", Critical)
	both["queue"] = Verdict{Level: Critical, Detail: "full"}
	r.hold(11*time.Second, bad("queue", Critical))
	r.hold(11*time.Second, both)
	r.want(t, "raised critical queue", "hidden critical queue", "raised critical event_loop")
	s := r.tracker.State(r.now)
	if len(s.Findings) != 1 || !slices.Equal(s.Findings[0].Hides, []string{"queue"}) {
		t.Errorf("%+v", s.Findings)
	}
	r.hold(61*time.Second, bad("queue", Critical)) // the cause goes, the consequence stays
	r.want(t, "raised critical queue", "resolved critical event_loop")
	r.hold(61*time.Second, nil)
	r.want(t, "resolved critical queue")

	// The cause in the same moment: the consequence is never told.
	r.hold(30*time.Second, both)
	r.hold(62*time.Second, nil)
	r.want(t, "raised critical event_loop", "resolved critical event_loop")

	// A warning does not hide what is critical.
	both = bad("cpu_throttling", Warning)
	both["rpc_latency"] = Verdict{Level: Critical, Detail: "slow"}
	r.hold(20*time.Second, both)
	r.want(t, "raised critical rpc_latency", "raised warning cpu_throttling")
	if got := r.tracker.State(r.now).Level; got != Critical {
		t.Error(got)
	}
}

func TestNoticeCountsNothing(t *testing.T) {
	r := newRun()
	r.step(map[string]Verdict{"config_waiting": {Notice: true, Detail: "one key"}})
	r.want(t, "raised ok config_waiting")
	if s := r.tracker.State(r.now); s.Level != OK || len(s.Findings) != 1 {
		t.Errorf("%+v", s)
	}
	r.step(nil)
	r.want(t, "resolved ok config_waiting")
}

// TestAcknowledged holds that a known finding stays visible and counts no more,
// until the time is over or it gets worse.
func TestAcknowledged(t *testing.T) {
	r := newRun()
	r.hold(11*time.Second, bad("queue", Warning))
	r.want(t, "raised warning queue")
	r.acknowledge("queue", Ack{Until: r.now.Add(time.Hour), Level: Warning, Who: "root"})
	r.acknowledge("queue", Ack{Until: r.now.Add(time.Hour), Level: Warning, Who: "root"}) // the same again is no news
	s := r.tracker.State(r.now)
	if s.Level != OK || len(s.Findings) != 1 || s.Findings[0].Acknowledged == nil || len(s.Known) != 1 || s.Known[0].ID != "queue" {
		t.Errorf("%+v", s)
	}
	r.hold(59*time.Minute, bad("queue", Warning))
	r.want(t, "acknowledged warning queue")
	r.hold(2*time.Minute, bad("queue", Warning))
	r.want(t, "unacknowledged warning queue")
	if s := r.tracker.State(r.now); s.Level != Warning || s.Findings[0].Acknowledged != nil || len(s.Known) != 0 {
		t.Errorf("after its time: %+v", s)
	}

	// Taken back.
	r.acknowledge("queue", Ack{Until: r.now.Add(time.Hour), Level: Warning, Who: "root"})
	r.step(bad("queue", Warning))
	r.acknowledge("queue", Ack{Until: r.now})
	r.step(bad("queue", Warning))
	r.want(t, "acknowledged warning queue", "unacknowledged warning queue")

	// It gets worse, and better again.
	r.acknowledge("queue", Ack{Until: r.now.Add(time.Hour), Level: Warning, Who: "root"})
	r.hold(12*time.Second, bad("queue", Critical))
	r.want(t, "acknowledged warning queue", "changed critical queue")
	if s := r.tracker.State(r.now); s.Level != Critical || s.Findings[0].Acknowledged != nil {
		t.Errorf("when it got worse: %+v", s)
	}
	r.hold(61*time.Second, bad("queue", Warning))
	r.want(t, "changed warning queue")
	if s := r.tracker.State(r.now); s.Level != OK || s.Findings[0].Acknowledged == nil {
		t.Errorf("when it was as bad as known again: %+v", s)
	}

	// It goes, and comes again within the time: it is known still.
	r.hold(61*time.Second, nil)
	r.hold(11*time.Second, bad("queue", Warning))
	r.want(t, "resolved warning queue", "raised warning queue")
	if s := r.tracker.State(r.now); s.Level != OK || s.Findings[0].Acknowledged == nil {
		t.Errorf("when it came again: %+v", s)
	}
}

// TestAfter holds that a finding says what came before it began.
func TestAfter(t *testing.T) {
	r := newRun()
	r.tracker.Preceded = func(before time.Time) *Mark { return &Mark{Kind: "generation", Number: 4, Time: before} }
	began := r.now.Add(time.Second)
	r.hold(11*time.Second, bad("queue", Warning))
	if f := r.changes[0].Finding; f.After == nil || f.After.Number != 4 || !f.After.Time.Equal(began) {
		t.Errorf("%+v", f)
	}
}

// TestNoFlapping drives every check with noise around its thresholds for a day
// and holds the rules themselves against a slow but plain reading of them: a
// change needs the verdict to have held for the whole time before it.
func TestNoFlapping(t *testing.T) {
	single := []Check{{ID: "x", RaiseAtOnce: never}}
	hours := 24
	if testing.Short() {
		hours = 2
	}
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		tracker := NewTracker(single)
		now := time.Unix(0, 0)
		var past []int
		told, value, changes := 0, 0.0, 0
		for range hours * 3600 {
			now = now.Add(time.Second)
			// A figure that trembles, and wanders as slowly as a seed says.
			value += (random.Float64() - 0.5) * float64(seed) / 50
			value = max(-3, min(3, value))
			trembling := value + random.NormFloat64()*0.3
			level := OK
			if trembling > 0 {
				level = Warning
			}
			if trembling > 1 {
				level = Critical
			}
			past = append(past, Verdict{Level: level}.rank())
			tracker.Step(now, map[string]Verdict{"x": {Level: level}}, timing)
			rank := tracker.states["x"].told
			if rank == told {
				continue
			}
			changes++
			window := past[len(past)-11:]
			if rank < told {
				window = past[len(past)-61:]
			}
			for _, p := range window {
				if rank > told && p < rank || rank < told && p > rank {
					t.Fatalf("seed %d: from %d to %d although the last were %v", seed, told, rank, window)
				}
			}
			told = rank
		}
		// Half the time above: it may once be above for long enough by chance,
		// but is never below for long enough.
		if seed == 0 && changes > 1 {
			t.Errorf("noise alone made %d transitions", changes)
		}
	}
}

// TestBoard holds that a follower misses nothing while it keeps up, with many
// of them and a fake clock.
func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard()
		got := make([][]uint64, 8)
		for i := range got {
			go func() {
				var last uint64
				for len(got[i]) < 100 {
					changes, newest, more := b.Since(last)
					for _, c := range changes {
						got[i] = append(got[i], c.Number)
					}
					last = newest
					if len(changes) == 0 {
						<-more
					}
				}
			}()
		}
		for n := range uint64(100) {
			time.Sleep(time.Second)
			b.Post(State{}, []Change{{Number: n + 1}})
			b.Post(State{Level: Warning}, nil)
		}
		synctest.Wait()
		for i, list := range got {
			if len(list) != 100 || !slices.IsSorted(list) {
				t.Errorf("follower %d saw %v", i, list)
			}
		}
		if b.State().Level != Warning {
			t.Error("the newest state is not there")
		}
	})
}

func BenchmarkStep(b *testing.B) {
	tracker, s, now := NewTracker(Checks), measured(), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		tracker.Step(now, Assess(s, thresholds), timing)
		tracker.State(now)
	}
}
