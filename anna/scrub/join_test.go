package scrub_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// lines are marks of the log, from words such as "1s" and "1e" for the start and
// the end of device 1.
func lines(at map[time.Duration]string) (out []scrub.Mark) {
	for after, word := range at {
		m := scrub.Mark{Boot: "b", Clock: day + after, At: t0.Add(after), Early: 300 * time.Millisecond, Late: 100 * time.Millisecond, Device: uint64(word[0] - '0'), Outcome: scrub.Running}
		switch word[1] {
		case 'e':
			m.Outcome = scrub.Finished
		case 'c':
			m.Outcome = scrub.Cancelled
		}
		out = append(out, m)
	}
	for i := range out {
		for j := range i {
			if out[i].Clock < out[j].Clock {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

// ran is a run as its runner tells of it.
func ran(from, to time.Duration, outcome string, devices ...uint64) scrub.Run {
	r := scrub.Run{Started: t0.Add(from).Truncate(time.Second), Exact: true, Ended: t0.Add(to), Outcome: outcome, Source: scrub.FromRunner, By: "anna, root"}
	for _, d := range devices {
		r.Devices = append(r.Devices, scrub.DeviceRun{ID: d, Bytes: 1 << 20, Outcome: outcome})
	}
	r.Sum()
	return r
}

// TestJoin holds what is one run and what is two.
func TestJoin(t *testing.T) {
	const s = time.Second
	running := func(from time.Duration) scrub.Run {
		r := ran(from, 0, scrub.Running, 1)
		r.Ended = time.Time{}
		return r
	}
	for _, tt := range []struct {
		name string
		told []scrub.Run
		log  map[time.Duration]string
		want []string // outcome and source of each
	}{
		{"alone", nil, map[time.Duration]string{0: "1s", 10 * s: "1e"}, []string{"finished kernel log"}},
		{"alone, two devices", nil, map[time.Duration]string{0: "1s", 1: "2s", 9 * s: "2e", 10 * s: "1e"}, []string{"finished kernel log"}},
		{"alone, a quick device before the other began", nil, map[time.Duration]string{0: "1s", 1: "1e", 2: "2s", 9 * s: "2e"}, []string{"finished kernel log"}},
		{"alone, no end", nil, map[time.Duration]string{0: "1s"}, []string{"unknown kernel log"}},
		{"alone, no beginning", nil, map[time.Duration]string{0: "1e"}, []string{"finished kernel log"}},
		{"two alone, the first has no end", nil, map[time.Duration]string{0: "1s", 20 * s: "1s", 30 * s: "1e"}, []string{"unknown kernel log", "finished kernel log"}},
		{"the runner was busy first", []scrub.Run{ran(0, 10*s, scrub.Finished, 1)}, map[time.Duration]string{4 * s: "1s", 9 * s: "1e"}, []string{"finished runner"}},
		{"no beginning", []scrub.Run{ran(0, 10*s, scrub.Finished, 1)}, map[time.Duration]string{9 * s: "1e"}, []string{"finished runner"}},
		{"no end", []scrub.Run{ran(0, 10*s, scrub.Finished, 1)}, map[time.Duration]string{4 * s: "1s"}, []string{"finished runner"}},
		{"one device of two", []scrub.Run{ran(0, 10*s, scrub.Finished, 1, 2)}, map[time.Duration]string{4 * s: "2s", 9 * s: "1e"}, []string{"finished runner"}},
		{
			"beginning of one, end of the next",
			[]scrub.Run{ran(0, 10*s, scrub.Cancelled, 1), ran(60*s, 90*s, scrub.Finished, 1)},
			map[time.Duration]string{s / 2: "1s", 89 * s: "1e"},
			[]string{"cancelled runner", "finished runner"},
		},
		{
			"one that nobody told of between two",
			[]scrub.Run{ran(0, 10*s, scrub.Finished, 1), ran(60*s, 90*s, scrub.Finished, 1)},
			map[time.Duration]string{30 * s: "1s", 40 * s: "1e"},
			[]string{"finished runner", "finished kernel log", "finished runner"},
		},
		{
			"lone lines on both sides of a run that has none",
			[]scrub.Run{ran(60*s, 90*s, scrub.Finished, 1)},
			map[time.Duration]string{0: "1s", 200 * s: "1e"},
			[]string{"unknown kernel log", "finished runner", "finished kernel log"},
		},
		{
			"one that runs is not ended by the line of the one before",
			[]scrub.Run{ran(0, 10*s, scrub.Cancelled, 1), running(20 * s)},
			map[time.Duration]string{0: "1s", 9 * s: "1c", 21 * s: "1s"},
			[]string{"cancelled runner", "running runner"},
		},
		{
			"one that was killed, and another a second later",
			[]scrub.Run{running(0), ran(s, 4*s, scrub.Cancelled, 1)},
			map[time.Duration]string{s / 10: "1s", s / 5: "1e", s + s/10: "1s", 4*s - s/10: "1c"},
			[]string{"interrupted runner", "cancelled runner"},
		},
	} {
		for _, late := range []bool{false, true} {
			h := scrub.NewHistory(nil)
			log := lines(tt.log)
			sight := scrub.Sight{Now: t0.Add(300 * s), Live: true, Log: log, Alive: func(int) bool { return true }}
			if late { // the log is read before anybody tells of the runs
				h.Take(sight)
			}
			for _, r := range tt.told {
				if r.Outcome == scrub.Running {
					r.PID = 7
				}
				h.Add(r)
			}
			h.Take(sight)
			var got []string
			for _, r := range h.Runs {
				got = append(got, r.Outcome+" "+r.Source)
			}
			if len(got) != len(tt.want) {
				t.Errorf("%s (late: %v): %q, want %q", tt.name, late, got, tt.want)
				continue
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("%s (late: %v): %q, want %q", tt.name, late, got, tt.want)
				}
			}
			if h.Take(sight) {
				t.Errorf("%s (late: %v): the same again is news", tt.name, late)
			}
		}
	}
}

// kept is a history after its daemon was started anew.
func kept(t *testing.T, h *scrub.History) *scrub.History {
	t.Helper()
	var list []telemetry.Operation
	for i := range h.Runs {
		o, err := h.Runs[i].Operation(idA.String())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
	}
	runs, err := scrub.Stored(list)
	if err != nil {
		t.Fatal(err)
	}
	return scrub.NewHistory(runs)
}

// TestJoinExample holds the example of the package's documentation.
func TestJoinExample(t *testing.T) {
	const s = time.Second
	h := scrub.NewHistory(nil)
	sight := scrub.Sight{Now: t0.Add(600 * s), Live: true, Log: lines(map[time.Duration]string{0: "1s", 40 * s: "1c", 540 * s: "1e"})}
	h.Take(sight)
	if got := outcomes(h); len(got) != 2 || got[0] != scrub.Cancelled || got[1] != scrub.Finished {
		t.Errorf("the log alone: %v", got)
	}
	sight.Status = file(t0.Add(300*s), 240*s, true, false, 5)
	h.Take(sight)
	if len(h.Runs) != 2 || h.Runs[0].Source != scrub.FromLog || len(h.Runs[0].Marks) != 2 || h.Runs[1].Source != scrub.FromFile || len(h.Runs[1].Marks) != 1 {
		t.Errorf("with the status file: %+v", h.Runs)
	}
}

// TestJoinOverClocks reads the same log again after the machine was suspended
// and its clock set, which moves the times of all lines.
func TestJoinOverClocks(t *testing.T) {
	h := scrub.NewHistory(nil)
	h.Add(ran(0, 10*time.Second, scrub.Finished, 1))
	log := lines(map[time.Duration]string{time.Second: "1s", 9 * time.Second: "1e", time.Minute: "1s", 2 * time.Minute: "1e"})
	h.Take(scrub.Sight{Now: t0.Add(time.Hour), Live: true, Log: log})
	if len(h.Runs) != 2 {
		t.Fatalf("%+v", h.Runs)
	}
	for _, by := range []time.Duration{8 * time.Hour, -time.Hour} {
		h = kept(t, h)
		for i := range log {
			log[i].At = log[i].At.Add(by)
		}
		if h.Take(scrub.Sight{Now: t0.Add(20 * time.Hour), Live: true, Log: log}) && len(h.Runs) != 2 {
			t.Errorf("moved by %s: %+v", by, h.Runs)
		}
	}
	// Lines that were never seen before, of a machine that slept for 8 h since.
	h = scrub.NewHistory(nil)
	h.Add(ran(0, 10*time.Second, scrub.Finished, 1))
	h.Add(ran(4*time.Hour, 5*time.Hour, scrub.Finished, 1))
	log = nil
	for _, r := range []struct{ from, slept time.Duration }{{0, 8 * time.Hour}, {4 * time.Hour, 6 * time.Hour}} {
		for i, m := range lines(map[time.Duration]string{r.from: "1s", r.from + 9*time.Second: "1e"}) {
			_ = i
			m.Clock -= 8*time.Hour - r.slept
			m.At, m.Early = m.At.Add(r.slept), 8*time.Hour
			log = append(log, m)
		}
	}
	h.Take(scrub.Sight{Now: t0.Add(20 * time.Hour), Live: true, Log: log})
	if len(h.Runs) != 2 {
		t.Errorf("after a sleep: %+v", h.Runs)
	}
}

// TestAnotherRuns holds a run that ended unseen and the one that runs now apart.
func TestAnotherRuns(t *testing.T) {
	progress := func(bytes uint64) []btrfs.ScrubProgress {
		return []btrfs.ScrubProgress{{Device: 1, DataBytes: bytes}}
	}
	h := scrub.NewHistory(nil)
	h.Take(scrub.Sight{Now: t0, Live: true, Progress: progress(1000)})
	h.Take(scrub.Sight{Now: t0.Add(2 * time.Second), Live: true, Progress: progress(2000)})
	h = kept(t, h)
	later := t0.Add(5 * time.Hour)
	h.Take(scrub.Sight{Now: later, Live: true, Progress: progress(500)})
	if got := outcomes(h); len(got) != 2 || got[0] != scrub.Unknown || got[1] != scrub.Running {
		t.Errorf("what was read went back: %v", got)
	}
	if first := h.Runs[0]; !first.Ended.Equal(t0.Add(2 * time.Second)) {
		t.Errorf("it was last seen at %s, and is said to have ended at %s", t0.Add(2*time.Second), first.Ended)
	}
	// The machine went down while one ran, and the number of its process is
	// that of another now.
	h = scrub.NewHistory(nil)
	r := ran(0, 0, scrub.Running, 1)
	r.Ended, r.PID = time.Time{}, 7
	h.Add(r)
	h = kept(t, h)
	h.Take(scrub.Sight{Now: later, Booted: later.Add(-time.Hour), Alive: func(int) bool { return true }})
	if got := outcomes(h); len(got) != 1 || got[0] != scrub.Interrupted {
		t.Errorf("after a crash of the machine: %v", got)
	}
}

// TestKilledEarly holds a run of btrfs-progs that was killed before it noted its
// start, and that the daemon still takes for running, apart from the next one.
func TestKilledEarly(t *testing.T) {
	early, ok := scrub.FromStatus([]btrfs.ScrubStatus{{Progress: btrfs.ScrubProgress{Device: 1}}}, t0)
	if !ok || early.Exact {
		t.Fatalf("%+v", early)
	}
	log := lines(map[time.Duration]string{time.Millisecond: "1s", time.Second: "1e"})
	for _, next := range []scrub.Run{ran(4*time.Second, 8*time.Second, scrub.Finished, 1), *file(t0.Add(2*time.Second), time.Second, true, false, 5)} {
		h := scrub.NewHistory(nil)
		h.Take(scrub.Sight{Now: t0.Add(time.Second), Live: true, Status: &early, Modified: t0, Log: log})
		h.Add(next)
		if got := outcomes(h); len(got) != 2 || got[0] != scrub.Interrupted || got[1] != scrub.Finished {
			t.Errorf("%v: %+v", got, h.Runs)
		}
	}
}

// TestPieces holds that what was seen of a run before its runner told of it is a
// part of it, and is taken out of the store.
func TestPieces(t *testing.T) {
	h := scrub.NewHistory(nil)
	h.Take(scrub.Sight{Now: t0.Add(time.Minute), Live: true, Progress: []btrfs.ScrubProgress{{Device: 1, DataBytes: 5}}})
	log := lines(map[time.Duration]string{30 * time.Second: "1s", 5 * time.Minute: "1e"})
	h.Take(scrub.Sight{Now: t0.Add(6 * time.Minute), Live: true, Log: log[:1]})
	h.Take(scrub.Sight{Now: t0.Add(7 * time.Minute), Live: true, Log: log})
	h = kept(t, h)
	h.Add(ran(0, 5*time.Minute+time.Second, scrub.Finished, 1))
	if len(h.Runs) != 1 || h.Runs[0].By == "" || len(h.Runs[0].Marks) != 2 {
		t.Errorf("%+v", h.Runs)
	}
	h = scrub.NewHistory(nil)
	h.Take(scrub.Sight{Now: t0.Add(7 * time.Minute), Live: true, Log: log})
	h = kept(t, h)
	h.Add(ran(0, 5*time.Minute+time.Second, scrub.Finished, 1))
	if gone := h.Gone(); len(h.Runs) != 1 || len(gone) != 1 || gone[0].Source != scrub.FromLog {
		t.Errorf("%+v, out of the store %+v", h.Runs, gone)
	}
}

// TestJoinReadLate holds that the end of a run that was killed stays its own when
// it is read so late that it might be of the run after it, whose start is not
// there yet.
func TestJoinReadLate(t *testing.T) {
	const ms = time.Millisecond
	mark := func(after time.Duration, outcome string, early, late time.Duration) scrub.Mark {
		return scrub.Mark{Boot: "b", Clock: day + after, At: t0.Add(after), Early: early, Late: late, Device: 1, Outcome: outcome}
	}
	running := func(from time.Duration, pid int) scrub.Run {
		r := ran(from, 0, scrub.Running, 1)
		r.Ended, r.PID = time.Time{}, pid
		return r
	}
	start := mark(26*ms, scrub.Running, 3*ms, 0)
	end := mark(86*ms, scrub.Finished, 60*ms, 941*ms)
	next := mark(1033*ms, scrub.Running, 100*ms, 100*ms)

	h := scrub.NewHistory(nil)
	h.Add(running(0, 7))
	h.Take(scrub.Sight{Now: t0.Add(30 * ms), Live: true, Log: []scrub.Mark{start}, Alive: func(int) bool { return true }})
	h.Add(running(time.Second, 8))
	alive := func(pid int) bool { return pid == 8 }
	h.Take(scrub.Sight{Now: t0.Add(1030 * ms), Live: true, Log: []scrub.Mark{start, end}, Alive: alive})
	h.Take(scrub.Sight{Now: t0.Add(1100 * ms), Live: true, Log: []scrub.Mark{start, end, next}, Alive: alive})
	var got []string
	for _, r := range h.Runs {
		got = append(got, fmt.Sprint(r.Outcome, " ", r.Source, " ", len(r.Marks)))
	}
	if want := []string{"interrupted runner 2", "running runner 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestProgressOfTheLastMoment holds that progress that was asked for just before a
// run's end, and noted just after, is of that run.
func TestProgressOfTheLastMoment(t *testing.T) {
	const us = time.Microsecond
	h := scrub.NewHistory(nil)
	h.Take(scrub.Sight{
		Now: t0.Add(28549 * us), Live: true,
		Progress: []btrfs.ScrubProgress{{Device: 1, LastPhysical: 9 << 20, DataBytes: 16 << 10}},
	})
	file := ran(0, 28096*us, scrub.Finished, 1)
	file.Source, file.By = scrub.FromFile, ""
	h.Take(scrub.Sight{Now: t0.Add(32144 * us), Live: true, Status: &file, Modified: t0.Add(28096 * us)})
	if len(h.Runs) != 1 || h.Runs[0].Outcome != scrub.Finished {
		t.Errorf("%+v", h.Runs)
	}
}
