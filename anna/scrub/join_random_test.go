package scrub_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// A truth is a scrub as it was. Times are since the machine started, the time
// that it was suspended included.
type truth struct {
	from, to time.Duration   // of the one who runs it
	starts   []time.Duration // of each device, as the kernel begins
	ends     []time.Duration
	outcome  string        // as the kernel ends it
	killed   time.Duration // when who runs it was; 0: never
	by       string        // anna, progs, or another, who leaves nothing
	bytes    uint64        // of each device, at its end
}

func (x *truth) part(device int, at time.Duration) uint64 {
	if at >= x.ends[device] {
		return x.bytes
	}
	return uint64(float64(x.bytes) * float64(at-x.starts[device]) / float64(x.ends[device]-x.starts[device]))
}

// A world is a file system, its scrubs, and a daemon that sees some of them.
type world struct {
	rnd     *rand.Rand
	runs    []truth
	devices int
	live    bool // the daemon may ask the kernel and read the status file
	slept   []struct{ at, long time.Duration }
	ppm     float64
	marks   []scrub.Mark          // what the log has, with its times
	of      map[time.Duration]int // whose a mark is, by its clock

	h        *scrub.History
	last     time.Duration // the last look of this daemon; 0: none yet
	read     int           // how many marks
	log      []scrub.Mark  // as this daemon read them
	told     map[int]string
	wide     map[int]bool // told by lines alone whose time is as good as unknown
	finished map[int]bool // its runner told of its end
	filed    map[int]bool // the daemon saw the last state of its file
	counted  map[int]uint64
	unsure   int // runs that nobody could tell apart
	looks    []string
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	// Short and long ones alike.
	n := time.Duration(1)
	for low<<n < high {
		n++
	}
	top := min(high, low<<r.Int64N(int64(n)+1))
	return low + time.Duration(r.Int64N(int64(max(1, top-low))))
}

func (w *world) wall(at time.Duration) time.Time { return t0.Add(at) }

// asleep is for how long the machine was suspended before a time.
func (w *world) asleep(at time.Duration) (sum time.Duration) {
	for _, s := range w.slept {
		if s.at+s.long <= at {
			sum += s.long
		}
	}
	return sum
}

// clock is the time of the kernel's log.
func (w *world) clock(at time.Duration) time.Duration {
	mono := at - w.asleep(at)
	return mono + time.Duration(float64(mono)*w.ppm/1e6)
}

func newWorld(seed uint64, lost func(w *world, starts bool) bool) *world {
	r := rand.New(rand.NewPCG(seed, 9))
	w := &world{
		rnd: r, devices: 1 + r.IntN(3), live: r.IntN(4) > 0, of: map[time.Duration]int{}, h: scrub.NewHistory(nil), told: map[int]string{},
		wide: map[int]bool{}, finished: map[int]bool{}, filed: map[int]bool{}, counted: map[int]uint64{}, ppm: 100*r.Float64() - 50,
	}
	at := between(r, time.Minute, 24*time.Hour)
	for range 1 + r.IntN(8) {
		x := truth{from: at, by: []string{"anna", "progs", "another"}[r.IntN(3)], outcome: []string{scrub.Finished, scrub.Finished, scrub.Cancelled}[r.IntN(3)], bytes: 1 << 30}
		busy := time.Duration(r.Int64N(int64(2 * time.Second)))
		if r.IntN(4) > 0 {
			busy /= 100
		}
		long := between(r, time.Second, 3*time.Hour)
		for range w.devices {
			start := at + busy + time.Duration(r.Int64N(int64(time.Second/10)))
			end := start + long/2 + time.Duration(r.Int64N(int64(long)))
			x.starts, x.ends = append(x.starts, start), append(x.ends, end)
		}
		if r.IntN(5) == 0 && x.by != "another" {
			x.killed = slices.Max(x.starts) + (slices.Min(x.ends)-slices.Max(x.starts))/2
			if x.outcome == scrub.Cancelled { // the kernel stops with its runner
				x.outcome = scrub.Interrupted
				for i := range x.ends {
					x.ends[i] = x.killed + time.Millisecond
				}
			}
		}
		x.to = slices.Max(x.ends) + time.Duration(r.Int64N(int64(time.Second/2)))
		w.runs = append(w.runs, x)
		at = x.to + between(r, 2*time.Minute, 12*time.Hour)
		if r.IntN(4) == 0 { // shut between two runs
			long := between(r, time.Minute, 10*time.Hour)
			w.slept = append(w.slept, struct{ at, long time.Duration }{x.to + time.Minute, long})
			at += long
		}
	}
	for i, x := range w.runs {
		for d := range w.devices {
			for _, m := range []struct {
				at      time.Duration
				outcome string
			}{{x.starts[d], scrub.Running}, {x.ends[d], x.outcome}} {
				if lost(w, m.outcome == scrub.Running) {
					continue
				}
				clock := w.clock(m.at)
				for w.of[clock] != 0 {
					clock++
				}
				w.of[clock] = i + 1
				w.marks = append(w.marks, scrub.Mark{Boot: "b", Clock: clock, Device: uint64(d + 1), Outcome: m.outcome, At: w.wall(m.at)})
			}
		}
	}
	slices.SortFunc(w.marks, func(a, b scrub.Mark) int { return cmp.Compare(a.Clock, b.Clock) })
	return w
}

// when is when a mark was written: marks keep it until they are read.
func (w *world) when(m scrub.Mark) time.Duration { return m.At.Sub(t0) }

func (w *world) say(i int, how string) {
	if !strings.Contains(w.told[i], how) {
		w.told[i] += " " + how
	}
}

// readLog is what btrfs.KernelLog does.
func (w *world) readLog(now time.Duration) {
	for w.read < len(w.marks) && w.when(w.marks[w.read]) <= now {
		m := w.marks[w.read]
		w.read++
		i := w.of[m.Clock] - 1
		drift := 300*time.Millisecond + m.Clock/10_000
		mono, last := now-w.asleep(now), w.last-w.asleep(w.last)
		at := min(max(m.Clock, last), mono)
		m.At, m.Early, m.Late = w.wall(now+at-mono), drift, min(drift, mono-at)
		if w.last > 0 {
			m.Early = min(drift, at-last)
		} else {
			m.Early += w.asleep(now)
			if w.told[i] == "" && w.asleep(now) > 0 {
				w.wide[i] = true
			}
		}
		w.say(i, "line")
		w.log = append(w.log, m)
	}
}

// look is one look of the daemon.
func (w *world) look(now time.Duration) {
	w.readLog(now)
	s := scrub.Sight{Now: w.wall(now), Live: w.live, Log: w.log, Booted: t0, Alive: func(pid int) bool {
		x := w.runs[pid-1]
		return now <= x.to && (x.killed == 0 || now < x.killed)
	}}
	file := -1 // it has the last run alone
	for i := range w.runs {
		x := &w.runs[i]
		if !w.live || x.from > now {
			continue
		}
		for d := range w.devices {
			if x.starts[d] <= now && now < x.ends[d] {
				bytes := x.part(d, now)
				s.Progress = append(s.Progress, btrfs.ScrubProgress{Device: uint64(d + 1), DataBytes: bytes, LastPhysical: bytes})
				w.say(i, "progress")
			}
		}
		if x.by != "another" {
			file = i
		}
	}
	if file >= 0 {
		s.Status, s.Modified = w.file(file, now)
		w.say(file, "file")
		if x := &w.runs[file]; now >= x.to && x.killed == 0 {
			w.filed[file] = true
		}
	}
	w.looks = append(w.looks, fmt.Sprint("look ", now, " progress ", len(s.Progress)))
	w.h.Take(s)
	w.last = now
}

// file is the status file of a run.
func (w *world) file(i int, now time.Duration) (*scrub.Run, time.Time) {
	x := &w.runs[i]
	at := min(now, x.to)
	if x.killed > 0 {
		at = min(at, x.killed)
	}
	if at < x.to { // as it was written last
		at = max(x.from, at-(at-x.from)%(5*time.Second))
	}
	var list []btrfs.ScrubStatus
	for d := range w.devices {
		st := btrfs.ScrubStatus{Progress: btrfs.ScrubProgress{Device: uint64(d + 1)}, Started: w.wall(x.from).Truncate(time.Second), Duration: (at - x.from).Truncate(time.Second)}
		if x.by == "progs" && at < x.from+5*time.Second && at < x.to {
			st.Started, st.Duration = time.Time{}, 0
		} else if at >= x.starts[d] {
			st.Progress.DataBytes = x.part(d, at)
		}
		if at >= x.to && x.killed == 0 {
			st.Finished, st.Canceled = true, x.outcome == scrub.Cancelled
		}
		list = append(list, st)
	}
	r, ok := scrub.FromStatus(list, w.wall(at))
	if !ok {
		panic("no run")
	}
	return &r, w.wall(at)
}

// tell is what the runner says.
func (w *world) tell(i int, end bool) {
	x := &w.runs[i]
	readOnly := i%2 == 0
	r := scrub.Run{
		Started: w.wall(x.from).Truncate(time.Second), Exact: true, Outcome: scrub.Running, Source: scrub.FromRunner, ReadOnly: &readOnly,
		By: fmt.Sprint("truth ", i), PID: i + 1,
	}
	for d := range w.devices {
		run := scrub.DeviceRun{ID: uint64(d + 1), Outcome: scrub.Running}
		if end {
			run.Outcome, run.Bytes = x.outcome, x.bytes
		}
		r.Devices = append(r.Devices, run)
	}
	if end {
		r.Outcome, r.Ended, r.PID = x.outcome, w.wall(x.to), 0
		w.finished[i] = true
	}
	r.Sum()
	w.say(i, "runner")
	w.looks = append(w.looks, fmt.Sprint("tell ", i, " end ", end))
	w.h.Add(r)
}

// live lets the daemon see what it sees, with all that can happen to it.
func (w *world) run(t *testing.T) {
	type step struct {
		at   time.Duration
		does func()
	}
	var steps []step
	look := func(at time.Duration) { steps = append(steps, step{at, func() { w.look(at) }}) }
	for i := range w.runs {
		x := &w.runs[i]
		end := x.to
		if x.killed > 0 {
			end = x.killed
		}
		look(x.from - time.Second)
		look(x.from + time.Duration(w.rnd.Int64N(int64(3*time.Second))))
		for range w.rnd.IntN(6) {
			look(x.from + time.Duration(w.rnd.Int64N(int64(x.to-x.from))))
		}
		look(x.to)
		look(x.to + time.Duration(w.rnd.Int64N(int64(5*time.Second))))
		look(x.to + 70*time.Second)
		if x.by == "anna" {
			if w.rnd.IntN(5) > 0 {
				steps = append(steps, step{x.from, func() { w.tell(i, false) }})
			}
			if x.killed == 0 && w.rnd.IntN(5) > 0 {
				late := time.Duration(0)
				if w.rnd.IntN(6) == 0 { // by a client that reads it somewhere later
					late = between(w.rnd, time.Second, 40*time.Hour)
				}
				steps = append(steps, step{end + late, func() { w.tell(i, true) }})
			}
		}
	}
	look(slices.MaxFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) }).at + time.Hour)
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	restarts := w.rnd.IntN(3)
	for i := 0; i < len(steps); i++ {
		if i < len(steps)-1 && w.rnd.IntN(10) < restarts {
			w.h = kept(t, w.h)
			w.last, w.read, w.log = 0, 0, nil
			w.looks = append(w.looks, "restart")
			i += w.rnd.IntN(8) // what it does not see
			i = min(i, len(steps)-1)
		}
		steps[i].does()
		if n := len(w.h.Runs); n > 0 && w.rnd.IntN(8) == 0 { // told twice
			w.h.Add(w.h.Runs[w.rnd.IntN(n)])
		}
	}
}

// whose are the truths that a run of the history tells of.
func (w *world) whose(r *scrub.Run) (out []int) {
	add := func(i int) {
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	for _, m := range r.Marks {
		add(w.of[m.Clock] - 1)
	}
	var n int
	if _, err := fmt.Sscanf(r.By, "truth %d", &n); err == nil {
		add(n)
	}
	for i, x := range w.runs {
		switch {
		case r.Exact && r.Started.Equal(w.wall(x.from).Truncate(time.Second)),
			!r.Exact && r.Source != scrub.FromLog && len(r.Marks) == 0 && !r.Started.Before(w.wall(x.from)) && !r.Started.After(w.wall(x.to)):
			add(i)
		}
	}
	return out
}

func (w *world) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "live %v, asleep %v, ppm %.1f\n", w.live, w.slept, w.ppm)
	for i, x := range w.runs {
		fmt.Fprintf(&b, "truth %d: %s to %s, %s, by %s, killed %s; starts %v ends %v; told by%s\n", i, x.from, x.to, x.outcome, x.by, x.killed, x.starts, x.ends, w.told[i])
	}
	for _, m := range w.marks {
		fmt.Fprintf(&b, "  line of %d: %s device %d %s\n", w.of[m.Clock]-1, w.when(m), m.Device, m.Outcome)
	}
	for i := range w.h.Runs {
		r := &w.h.Runs[i]
		fmt.Fprintf(&b, "run %s to %s, %s, %s, exact %v, %q, of %v, %d lines, over %s, %s\n", r.Started.Sub(t0), r.Ended.Sub(t0), r.Outcome, r.Source, r.Exact, r.By, w.whose(r), len(r.Marks), r.Over.Sub(t0), r.Detail)
	}
	b.WriteString(strings.Join(w.looks, "\n"))
	return b.String()
}

// check holds the history against what was.
func (w *world) check(anyLost bool) error {
	runs := map[int][]*scrub.Run{}
	for i := range w.h.Runs {
		r := &w.h.Runs[i]
		of := w.whose(r)
		if len(of) != 1 {
			// The beginning of one and the end of another are one run to a log
			// that lacks all between them, and nobody else knows better; nor
			// does anybody when a line was written that a sleep was after.
			wide := slices.ContainsFunc(of, func(i int) bool { return w.wide[i] })
			if len(of) > 1 && (anyLost && (r.Source == scrub.FromLog || r.Source == scrub.FromProgress || r.Outcome == scrub.Interrupted) || wide) {
				w.unsure++
				for _, k := range of {
					runs[k] = append(runs[k], nil)
				}
				continue
			}
			return fmt.Errorf("a run is that of %v: %+v", of, r)
		}
		runs[of[0]] = append(runs[of[0]], r)
	}
	for i, x := range w.runs {
		got := runs[i]
		if len(got) == 0 && anyLost && w.told[i] == " progress" {
			w.unsure++ // taken for the one that ran when another daemon looked last
			continue
		}
		if len(got) == 0 && w.told[i] != "" && !(w.wide[i] && w.told[i] == " line") {
			return fmt.Errorf("truth %d was told by%s and is not there", i, w.told[i])
		}
		if len(got) > 1 && !slices.Contains(got, nil) {
			return fmt.Errorf("truth %d is told as %d runs", i, len(got))
		}
		if len(got) == 0 || got[0] == nil || slices.Contains(got, nil) {
			continue
		}
		r := got[0]
		whole := x.bytes * uint64(w.devices)
		switch {
		case w.finished[i] && (r.Outcome != x.outcome || r.Bytes != whole || r.By == "" || !r.Ended.Equal(w.wall(x.to)) || *r.ReadOnly != (i%2 == 0)):
			return fmt.Errorf("truth %d, told by its runner: %+v", i, r)
		case w.filed[i] && (r.Outcome != x.outcome || r.Bytes != whole || !r.Exact || r.Ended.Sub(w.wall(x.to)).Abs() > time.Second):
			return fmt.Errorf("truth %d, told by its file: %+v", i, r)
		case r.Outcome == scrub.Running && w.live:
			return fmt.Errorf("truth %d runs on: %+v", i, r)
		case x.killed > 0 && (w.filed[i] || w.finished[i]):
			return fmt.Errorf("truth %d was killed: %+v", i, r)
		case r.Source == scrub.FromLog && r.Outcome != scrub.Unknown && r.Outcome != scrub.Running && r.Outcome != x.outcome:
			return fmt.Errorf("truth %d ended otherwise: %+v", i, r)
		}
	}
	return nil
}

// TestJoinRandom makes up scrubs, has a daemon see some of what tells of them,
// and holds that its history has each once, none that was not, and the best that
// was told of each. Lines of the log are lost at random: beginnings alone, ends
// alone, or either.
func TestJoinRandom(t *testing.T) {
	worlds := uint64(4000)
	if testing.Short() {
		worlds = 400
	}
	seeds := []uint64{14107} // a run that was killed, and one that only the ends in the log tell of
	for seed := range worlds {
		seeds = append(seeds, seed)
	}
	runs, unsure := 0, 0
	for _, seed := range seeds {
		rate := []int{0, 2, 5, 9}[seed%4]
		mode := seed / 4 % 3
		w := newWorld(seed, func(w *world, starts bool) bool {
			return (mode == 2 || starts == (mode == 1)) && w.rnd.IntN(10) < rate
		})
		w.run(t)
		if err := w.check(mode == 2); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, w)
		}
		runs, unsure = runs+len(w.h.Runs), unsure+w.unsure
	}
	if unsure*100 > runs {
		t.Errorf("%d of %d runs are two", unsure, runs)
	}
	t.Logf("%d runs, %d of them two that nothing tells apart", runs, unsure)
}
