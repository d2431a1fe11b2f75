package health

import (
	"slices"
	"testing"
	"time"
)

// TestTable holds that every row says everything, and that causes lead to a
// root.
func TestTable(t *testing.T) {
	var ids []string
	for _, c := range Checks {
		if c.ID == "" || c.Group == "" || c.Title == "" || c.Says == "" || c.Do == "" || c.Assess == nil {
			t.Errorf("row %q is half a row", c.ID)
		}
		if slices.Contains(ids, c.ID) {
			t.Errorf("row %q stands there twice", c.ID)
		}
		ids = append(ids, c.ID)
	}
	for _, id := range []string{"rpc_latency", "memory", "queue", "socket", "capabilities"} {
		if !slices.Contains(ids, id) {
			t.Errorf("there is no check %q", id)
		}
	}
	var walk func(id string, path []string)
	walk = func(id string, path []string) {
		c, ok := Find(id)
		if !ok {
			t.Fatalf("%v leads to %q, which is no check", path, id)
		}
		if slices.Contains(path, id) {
			t.Fatalf("the causes turn in a circle: %v", append(path, id))
		}
		for _, cause := range c.Causes {
			walk(cause, append(path, id))
		}
	}
	for _, id := range ids {
		walk(id, nil)
	}
}

// thresholds are the configuration's defaults.
var thresholds = Thresholds{
	P99Warn: 100 * time.Millisecond, P99Crit: 500 * time.Millisecond,
	MemoryWarn: 60 * mb, MemoryCrit: 70 * mb, QueueWarn: 50, QueueCrit: 100,
}

// measured is a daemon of which everything is known, and all is well.
func measured() Snapshot {
	p99 := 2 * time.Millisecond
	return Snapshot{
		Requests: Requests{P99: &p99, Samples: 100, Answered: 100},
		Memory: Memory{
			Used: Known[uint64](20 * mb), Limit: Known[uint64](80 * mb), Growth: Known(Growth{Over: 5 * time.Minute}),
			Pressure: Known(0.0), LimitHits: Known[uint64](0), Kills: Known[uint64](0),
		},
		CPU:         CPU{Withheld: Known(time.Duration(0))},
		Filesystems: Known([]Filesystem{}), Scrubs: Known([]Scrub{{Name: "data", Text: "scrubbed 3 days ago"}}),
		Tasks: Share{Known[uint64](10), Known[uint64](64)}, Files: Share{Known[uint64](20), Known[uint64](1024)},
		Self:   SelfCheck{Runs: true},
		Config: Config{Path: "/etc/anna/config.toml", Generation: 3},
	}
}

func at(d time.Duration) *time.Duration { return &d }

// TestAssess holds what each figure means, at its thresholds and beyond.
func TestAssess(t *testing.T) {
	for id, v := range Assess(measured(), thresholds) {
		if v.rank() > 0 || v.Level == Unknown || v.Detail == "" {
			t.Errorf("%s of a daemon that is well: %+v", id, v)
		}
	}
	const notice = "notice"
	tried := map[string]bool{"btrfs": true, "balance": true} // TestFilesystems
	for _, tt := range []struct {
		id, why string
		change  func(*Snapshot)
		want    string
	}{
		{"rpc_latency", "at the threshold", func(s *Snapshot) { s.Requests.P99 = at(100 * time.Millisecond) }, "ok"},
		{"rpc_latency", "above", func(s *Snapshot) { s.Requests.P99 = at(101 * time.Millisecond) }, "warning"},
		{"rpc_latency", "far above", func(s *Snapshot) { s.Requests.P99 = at(501 * time.Millisecond) }, "critical"},
		{"rpc_latency", "few samples", func(s *Snapshot) { s.Requests.P99, s.Requests.Samples = at(time.Hour), 19 }, "unknown"},
		{"rpc_latency", "none", func(s *Snapshot) { s.Requests.P99 = nil }, "unknown"},
		{"rpc_errors", "a few", func(s *Snapshot) { s.Requests.Failed = 5 }, "ok"},
		{"rpc_errors", "many", func(s *Snapshot) { s.Requests.Failed = 6 }, "warning"},
		{"rpc_errors", "most", func(s *Snapshot) { s.Requests.Failed = 26 }, "critical"},
		{"rpc_errors", "of few", func(s *Snapshot) { s.Requests.Failed, s.Requests.Answered = 10, 10 }, "unknown"},
		{"self_check", "failed", func(s *Snapshot) { s.Self.Err = "refused" }, "critical"},
		{"self_check", "no watchdog", func(s *Snapshot) { s.Self.Runs = false }, "unknown"},
		{"memory", "at", func(s *Snapshot) { s.Memory.Used.Value = 60 * mb }, "ok"},
		{"memory", "above", func(s *Snapshot) { s.Memory.Used.Value = 60*mb + 1 }, "warning"},
		{"memory", "far above", func(s *Snapshot) { s.Memory.Used.Value = 70*mb + 1 }, "critical"},
		{"memory", "cache", func(s *Snapshot) { s.Memory.Reclaimable = Known[uint64](55 * mb) }, "ok"},
		{"memory", "private", func(s *Snapshot) { s.Private = true; s.Memory.Used.Value = 1 << 40 }, "unknown"},
		{"memory", "not read", func(s *Snapshot) { s.Memory.Used = Reading[uint64]{Reason: "no /proc"} }, "unknown"},
		{"memory_growth", "fast", func(s *Snapshot) { s.Memory.Growth.Value.By = 20 * mb }, "warning"},
		{"memory_growth", "a start", func(s *Snapshot) { s.Memory.Growth.Value.By = 7 * mb }, "ok"},
		{"memory_growth", "slow", func(s *Snapshot) { s.Memory.Growth.Value = Growth{5 * time.Hour, 20 * mb} }, "ok"},
		{"memory_growth", "no limit", func(s *Snapshot) { s.Memory.Limit = Reading[uint64]{} }, "unknown"},
		{"memory_growth", "over the limit", func(s *Snapshot) { s.Memory.Used.Value = 1 << 60; s.Memory.Growth.Value.By = 1 << 60 }, "warning"},
		{"memory_pressure", "some", func(s *Snapshot) { s.Memory.Pressure.Value = 10.1 }, "warning"},
		{"memory_pressure", "much", func(s *Snapshot) { s.Memory.Pressure.Value = 41 }, "critical"},
		{"memory_pressure", "no cgroup v2", func(s *Snapshot) { s.Memory.Pressure = Reading[float64]{} }, "unknown"},
		{"memory_events", "hits", func(s *Snapshot) { s.Memory.LimitHits.Value = 3 }, notice},
		{"memory_events", "kills", func(s *Snapshot) { s.Memory.Kills.Value = 1 }, "warning"},
		{"cpu_throttling", "some", func(s *Snapshot) { s.CPU.Withheld.Value = 7 * time.Second }, "warning"},
		{"cpu_throttling", "half", func(s *Snapshot) { s.CPU.Withheld.Value = 31 * time.Second }, "critical"},
		{"tasks", "many", func(s *Snapshot) { s.Tasks.Used.Value = 52 }, "warning"},
		{"tasks", "nearly all", func(s *Snapshot) { s.Tasks.Used.Value = 62 }, "critical"},
		{"tasks", "no limit", func(s *Snapshot) { s.Tasks.Limit = Reading[uint64]{} }, "ok"},
		{"descriptors", "many", func(s *Snapshot) { s.Files.Used.Value = 900 }, "warning"},
		{"descriptors", "not read", func(s *Snapshot) { s.Files.Used = Reading[uint64]{} }, "unknown"},
		{"queue", "at", func(s *Snapshot) { s.Queue.Overdue = 50 }, "ok"},
		{"queue", "above", func(s *Snapshot) { s.Queue.Overdue = 51 }, "warning"},
		{"queue", "far above", func(s *Snapshot) { s.Queue.Overdue = 101 }, "critical"},
		{"queue_age", "late", func(s *Snapshot) { s.Queue.Overdue, s.Queue.Late = 1, 61*time.Second }, "warning"},
		{"queue_age", "very late", func(s *Snapshot) { s.Queue.Overdue, s.Queue.Late = 1, 301*time.Second }, "critical"},
		{"event_loop", "stuck", func(s *Snapshot) { s.Handler = Handler{Stuck: true, Running: time.Minute} }, "critical"},
		{"events_dropped", "one", func(s *Snapshot) { s.Queue.Dropped = 1 }, "warning"},
		{"spool", "in memory", func(s *Snapshot) { s.Spool = Trouble{What: "no space"} }, "warning"},
		{"store", "locked", func(s *Snapshot) { s.Store.Troubles = []Trouble{{What: "locked", Why: "by another"}} }, "warning"},
		{"store_stalled", "late", func(s *Snapshot) { s.Store.Stalled = time.Second }, "warning"},
		{"store_stalled", "very late", func(s *Snapshot) { s.Store.Stalled = 61 * time.Second }, "critical"},
		{"capabilities", "degraded", func(s *Snapshot) { s.Modules = []Module{{Name: "network", Why: "no netlink"}} }, "warning"},
		{"config_rejected", "rejected", func(s *Snapshot) { s.Config.Rejected = true }, "warning"},
		{"config_waiting", "waits", func(s *Snapshot) { s.Config.Waiting = []string{"daemon.socket"} }, notice},
		{"socket", "missing", func(s *Snapshot) { s.Socket.Missing = true }, "critical"},
		{"socket", "replaced", func(s *Snapshot) { s.Socket.Replaced = true }, "critical"},
		{"socket", "mode", func(s *Snapshot) { s.Socket.Wrong = "has mode 0666" }, "warning"},
		{"socket", "no access", func(s *Snapshot) { s.Socket.Err = "denied" }, "unknown"},
		{"clock", "forwards", func(s *Snapshot) { s.Clock.Jumped = time.Hour }, notice},
		{"clock", "backwards", func(s *Snapshot) { s.Clock.Jumped = -time.Hour }, "warning"},
		{"clock", "a little", func(s *Snapshot) { s.Clock.Jumped = -time.Second }, "ok"},
		{"clock", "long ago", func(s *Snapshot) { s.Clock = Clock{-time.Hour, time.Hour} }, "ok"},
		{"executable", "changed", func(s *Snapshot) { s.Program.Changed = true }, "warning"},
		{"executable", "gone", func(s *Snapshot) { s.Program.Gone = true }, notice},
		{"executable", "private", func(s *Snapshot) { s.Private, s.Program.Changed = true, true }, "unknown"},
		{"previous_run", "killed", func(s *Snapshot) { s.Previous.Unclean = true }, notice},
		{"previous_run", "killed when ill", func(s *Snapshot) { s.Previous = Previous{Unclean: true, Level: Critical} }, "warning"},
		{"scrub", "nobody knows", func(s *Snapshot) { s.Scrubs = Reading[[]Scrub]{Reason: "no Btrfs"} }, "unknown"},
		{"scrub", "none to scrub", func(s *Snapshot) { s.Scrubs = Known([]Scrub{}) }, "ok"},
		{"scrub", "one is old", func(s *Snapshot) { s.Scrubs.Value[0].Level = Warning }, "warning"},
		{"scrub", "the worst of two", func(s *Snapshot) {
			s.Scrubs.Value = append([]Scrub{{Name: "old", Level: Warning}}, Scrub{Name: "torn", Level: Critical})
		}, "critical"},
		{"scrub", "one cannot be told", func(s *Snapshot) { s.Scrubs.Value = append(s.Scrubs.Value, Scrub{Name: "new", Level: Unknown}) }, "unknown"},
		{"previous_run", "long ago", func(s *Snapshot) { s.Previous = Previous{Unclean: true, Level: Critical, Ago: 2 * time.Hour} }, "ok"},
	} {
		tried[tt.id] = true
		s := measured()
		tt.change(&s)
		c, ok := Find(tt.id)
		if !ok {
			t.Fatal(tt.id)
		}
		v := c.Assess(s, thresholds)
		got := v.Level.String()
		if v.Notice && v.Level == OK {
			got = notice
		}
		if got != tt.want {
			t.Errorf("%s, %s: %s (%s), not %s", tt.id, tt.why, got, v.Detail, tt.want)
		}
		if v.Level >= Warning && (v.Fix == "" && tt.id != "spool" && tt.id != "store" || v.Detail == "" && tt.id != "previous_run") {
			t.Errorf("%s, %s: no next step: %+v", tt.id, tt.why, v)
		}
	}
	for _, c := range Checks {
		if !tried[c.ID] {
			t.Errorf("%s is not tried", c.ID)
		}
	}
	// Nothing measured at all: nothing is bad.
	for id, v := range Assess(Snapshot{}, thresholds) {
		if v.rank() > 0 {
			t.Errorf("%s of an empty snapshot: %+v", id, v)
		}
	}
}
