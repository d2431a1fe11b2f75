package scrub_test

import (
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

var (
	idA = must("aaaaaaaa-0000-4000-8000-000000000001")
	idB = must("bbbbbbbb-0000-4000-8000-000000000002")
	t0  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
)

func must(s string) btrfs.UUID {
	id, err := btrfs.ParseUUID(s)
	if err != nil {
		panic(err)
	}
	return id
}

func line(after time.Duration, device, text string) btrfs.LogLine {
	return btrfs.LogLine{At: t0.Add(after), Clock: day + after, Device: device, Text: text}
}

// day is how long the machine was up at t0.
const day = 24 * time.Hour

// logged are the runs that marks alone tell of.
func logged(marks []scrub.Mark) []scrub.Run {
	h := scrub.NewHistory(nil)
	h.Take(scrub.Sight{Now: t0.Add(time.Hour), Log: marks})
	return h.Runs
}

// marked is a run on device 1 as the log has it.
func marked(from, to time.Duration) []scrub.Mark {
	return []scrub.Mark{
		{At: t0.Add(from), Clock: day + from, Device: 1, Outcome: scrub.Running},
		{At: t0.Add(to), Clock: day + to, Device: 1, Outcome: scrub.Finished},
	}
}

// TestLog holds whose a line is: a device name is given to one file system after
// the other.
func TestLog(t *testing.T) {
	l := scrub.NewLog()
	now := func(device string) btrfs.UUID {
		if device == "sda1" || device == "sdb" {
			return idB
		}
		return btrfs.UUID{}
	}
	l.Add([]btrfs.LogLine{
		line(0, "sda1", "scrub: started on devid 1"), // of nobody knows whom
		line(1*time.Second, "sda1", "scrub: finished on devid 1 with status: 0"),
		line(2*time.Second, "sda1", "first mount of filesystem "+idA.String()),
		line(3*time.Second, "sda1", "scrub: started on devid 1"),
		line(3*time.Second, "sda1", "scrub: started on devid 2"),
		line(5*time.Second, "sda1", "scrub: finished on devid 2 with status: 0"),
		line(6*time.Second, "sda1", "scrub: not finished on devid 1 with status: -125"),
		line(7*time.Second, "sda1", "first mount of filesystem "+idB.String()),
		line(8*time.Second, "sda1", "scrub: started on devid 1"),
		line(9*time.Second, "sda1", "scrub: not finished on devid 1 with status: -5"),
		line(9*time.Second, "sdb", "scrub: started on devid 1"),
		line(10*time.Second, "sdb", "balance: start"),
		line(11*time.Second, "sdc", "scrub: started on devid 1"),
	}, now)
	a, b := logged(l.Marks(idA)), logged(l.Marks(idB))
	if len(a) != 1 || a[0].Outcome != scrub.Cancelled || len(a[0].Devices) != 2 || !a[0].Started.Equal(t0.Add(3*time.Second)) || !a[0].Ended.Equal(t0.Add(6*time.Second)) {
		t.Errorf("A: %+v", a)
	}
	if len(b) != 2 || b[0].Outcome != scrub.Failed || b[0].Detail == "" || b[1].Outcome != scrub.Running {
		t.Errorf("B: %+v", b)
	}
}

// file is a status file of one device.
func file(started time.Time, took time.Duration, finished, cancelled bool, bytes uint64) *scrub.Run {
	r, ok := scrub.FromStatus([]btrfs.ScrubStatus{{
		Progress: btrfs.ScrubProgress{Device: 1, DataBytes: bytes}, Started: started, Duration: took, Finished: finished, Canceled: cancelled,
	}}, started.Add(took))
	if !ok {
		panic("no run")
	}
	return &r
}

func outcomes(h *scrub.History) (out []string) {
	for _, r := range h.Runs {
		out = append(out, r.Outcome)
	}
	return out
}

// TestHistory follows a file system through what its many tellers say.
func TestHistory(t *testing.T) {
	h := scrub.NewHistory(nil)
	progress := func(bytes, last, bad uint64) []btrfs.ScrubProgress {
		return []btrfs.ScrubProgress{{Device: 1, DataBytes: bytes, LastPhysical: last, ChecksumErrors: bad, Uncorrectable: bad}}
	}
	totals := map[uint64]uint64{1: 1000}
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	hold := func(what string, want ...string) {
		t.Helper()
		got := outcomes(h)
		if len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
	}
	h.Take(scrub.Sight{Now: at(0), Live: true})
	hold("nothing")
	// btrfs-progs start one; the file is behind, and then in time.
	h.Take(scrub.Sight{Now: at(11), Live: true, Progress: progress(100, 1<<30, 0), Totals: totals, Status: file(at(10), 0, false, false, 0), Modified: at(10)})
	hold("it runs", scrub.Running)
	h.Take(scrub.Sight{Now: at(13), Live: true, Progress: progress(300, 3<<30, 2), Totals: totals, Status: file(at(10), 0, false, false, 0), Modified: at(10)})
	r := h.Current()
	if r.Bytes != 300 || r.Total != 1000 || r.Errors.Uncorrectable != 2 || len(r.Suspects) != 1 || r.Suspects[0].From > 1<<30 || r.Suspects[0].To < 3<<30 {
		t.Errorf("%+v", r)
	}
	// The daemon is another one meanwhile.
	o, err := r.Operation(idA.String())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := scrub.Stored([]telemetry.Operation{o})
	if err != nil {
		t.Fatal(err)
	}
	h = scrub.NewHistory(stored)
	done := file(at(10), 9*time.Second, true, false, 1000)
	h.Take(scrub.Sight{Now: at(20), Live: true, Status: done, Modified: at(19)})
	hold("it ended", scrub.Finished)
	if r := h.Last(); r.Bytes != 1000 || len(r.Suspects) != 1 || !r.Started.Equal(at(10)) {
		t.Errorf("%+v", r)
	}
	if h.Take(scrub.Sight{Now: at(22), Live: true, Status: done, Modified: at(19)}) {
		t.Error("the same again is news")
	}
	// The log knows it too, a little off, and one that nobody saw.
	log := append(marked(2*time.Second, 4*time.Second), marked(10050*time.Millisecond, 19*time.Second)...)
	h.Take(scrub.Sight{Now: at(24), Live: true, Status: done, Modified: at(19), Log: log})
	hold("with the log", scrub.Finished, scrub.Finished)
	// Something else scrubs, with no file: the old file is not about it.
	h.Take(scrub.Sight{Now: at(30), Live: true, Progress: progress(990, 1, 0), Totals: totals, Status: done, Modified: at(19), Log: log})
	hold("a stranger", scrub.Finished, scrub.Finished, scrub.Running)
	h.Take(scrub.Sight{Now: at(32), Live: true, Status: done, Modified: at(19), Log: log})
	hold("its end", scrub.Finished, scrub.Finished, scrub.Finished)
	// A file that nobody goes on with.
	open := file(at(40), 0, false, false, 5)
	h.Take(scrub.Sight{Now: at(41), Live: true, Status: open, Modified: at(40)})
	hold("a moment's grace", scrub.Finished, scrub.Finished, scrub.Finished, scrub.Running)
	h.Take(scrub.Sight{Now: at(50), Live: true, Status: open, Modified: at(40)})
	hold("killed", scrub.Finished, scrub.Finished, scrub.Finished, scrub.Interrupted)
	// The kernel says of it that it finished.
	log = append(log, marked(40001*time.Millisecond, 41*time.Second)...)
	h.Take(scrub.Sight{Now: at(52), Live: true, Status: open, Modified: at(40), Log: log})
	hold("killed, says who knows", scrub.Finished, scrub.Finished, scrub.Finished, scrub.Interrupted)
	if h.Last().Detail == "" || h.Take(scrub.Sight{Now: at(54), Live: true, Status: open, Modified: at(40), Log: log}) {
		t.Errorf("the same again is news, or the end is not told: %+v", h.Last())
	}
	// A runner that told of itself, to a daemon that may see nothing.
	h.Add(scrub.Run{Started: at(60), Exact: true, Outcome: scrub.Running, Source: scrub.FromRunner, PID: 7})
	h.Take(scrub.Sight{Now: at(61), Alive: func(int) bool { return true }})
	hold("it lives", scrub.Finished, scrub.Finished, scrub.Finished, scrub.Interrupted, scrub.Running)
	h.Take(scrub.Sight{Now: at(62), Alive: func(int) bool { return false }})
	hold("it is gone", scrub.Finished, scrub.Finished, scrub.Finished, scrub.Interrupted, scrub.Interrupted)
}

// TestHistoryOfQuickRuns holds runs apart that follow each other within a
// second, and one together whose end is written while its progress is asked for.
func TestHistoryOfQuickRuns(t *testing.T) {
	first := file(t0, 0, true, false, 100)
	first.Ended = t0.Add(20 * time.Millisecond)
	h := scrub.NewHistory(nil)
	h.Take(scrub.Sight{
		Now: t0.Add(22 * time.Millisecond), Live: true, Status: first, Modified: first.Ended,
		Progress: []btrfs.ScrubProgress{{Device: 2}}, Totals: map[uint64]uint64{2: 100},
	})
	h.Take(scrub.Sight{Now: t0.Add(2 * time.Second), Live: true, Status: first, Modified: first.Ended})
	if got := outcomes(h); len(got) != 1 {
		t.Errorf("one run is told as %v", got)
	}
	// Another begins 1.1 s after the first began; its file has no time yet.
	h.Add(scrub.Run{Started: t0.Add(1100 * time.Millisecond), Ended: t0.Add(1200 * time.Millisecond), Outcome: scrub.Interrupted, Source: scrub.FromFile})
	if got := outcomes(h); len(got) != 2 {
		t.Errorf("two runs are told as %v", got)
	}
}

// TestJudge holds what is overdue, and what is only unknown.
func TestJudge(t *testing.T) {
	const month = 30 * 24 * time.Hour
	ran := func(ago time.Duration, e scrub.Errors) scrub.State {
		return scrub.State{Since: t0.Add(-2 * month), Runs: []scrub.Run{{Started: t0.Add(-ago - time.Hour), Ended: t0.Add(-ago), Outcome: scrub.Finished, Errors: e}}}
	}
	with := func(s scrub.State, change func(*scrub.State)) scrub.State { change(&s); return s }
	for _, tt := range []struct {
		name  string
		state scrub.State
		want  health.Level
	}{
		{"nothing known", scrub.State{}, health.Unknown},
		{"watched for a day", scrub.State{Since: t0.Add(-24 * time.Hour)}, health.Unknown},
		{"watched for long, none", scrub.State{Since: t0.Add(-month - time.Hour)}, health.Warning},
		{"young", scrub.State{Since: t0.Add(-2 * month), Made: t0.Add(-time.Hour)}, health.OK},
		{"a day ago", ran(24*time.Hour, scrub.Errors{}), health.OK},
		{"at the bound", ran(month, scrub.Errors{}), health.OK},
		{"beyond it", ran(month+time.Hour, scrub.Errors{}), health.Warning},
		{"beyond it, who knows since", with(ran(month+time.Hour, scrub.Errors{}), func(s *scrub.State) { s.Since = time.Time{} }), health.Unknown},
		{"beyond it, another since", with(ran(month+time.Hour, scrub.Errors{}), func(s *scrub.State) { s.Touched = t0.Add(-time.Hour) }), health.Unknown},
		{"corrected", ran(time.Hour, scrub.Errors{Checksum: 3, Corrected: 3}), health.Warning},
		{"not corrected", ran(time.Hour, scrub.Errors{Checksum: 3, Uncorrectable: 1}), health.Critical},
		{"one device of two", with(ran(time.Hour, scrub.Errors{}), func(s *scrub.State) { s.Runs[0].Devices, s.Runs[0].Of = []scrub.DeviceRun{{ID: 2}}, 2 }), health.Warning},
		{"overdue, and one runs", with(ran(2*month, scrub.Errors{}), func(s *scrub.State) {
			s.Runs = append(s.Runs, scrub.Run{Started: t0, Outcome: scrub.Running})
		}), health.OK},
	} {
		if level, text := tt.state.Judge(t0, month); level != tt.want || text == "" {
			t.Errorf("%s: %s, %q, want %s", tt.name, level, text, tt.want)
		}
	}
}

// TestJudgeYoung holds that what is a moment old is not 0 minutes old.
func TestJudgeYoung(t *testing.T) {
	for age, want := range map[time.Duration]string{0: "less than a minute", 70 * time.Second: "a minute", 2 * time.Minute: "2 minutes", 3 * time.Hour: "3 hours"} {
		s := scrub.State{Made: t0.Add(-age)}
		if _, text := s.Judge(t0, day); text != "made "+want+" ago, not scrubbed yet" {
			t.Errorf("%s: %q", age, text)
		}
	}
}

func FuzzLog(f *testing.F) {
	f.Add("scrub: started on devid 1")
	f.Add("scrub: not finished on devid 1 with status: -125")
	f.Fuzz(func(t *testing.T, text string) {
		l := scrub.NewLog()
		known := func(string) btrfs.UUID { return idA }
		l.Add([]btrfs.LogLine{line(0, "sda", text), line(1, "sda", "scrub: finished on devid 1 with status: 0"), line(2, "sda", text)}, known)
		for _, r := range logged(l.Marks(idA)) {
			if r.Outcome == "" || r.Started.IsZero() {
				t.Errorf("%q gives %+v", text, r)
			}
		}
	})
}
