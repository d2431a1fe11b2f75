package health

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func pointer[T any](v T) *T { return &v }

// healthy is a daemon that has everything and is well.
func healthy() Metrics {
	latency := Latency{
		Avg: pointer(0.21), P50: pointer(0.18), P95: pointer(0.4), P99: pointer(1.25), Max: pointer(3.5), Samples: 100, Window: 100,
	}
	return Metrics{
		Level: health.OK, Version: "0.12.7", PID: 4711, Host: "nas", At: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC),
		UptimeSec: 3*86400 + 4*3600, RPCLatency: latency,
		Memory:       Memory{Current: pointer(12.34), Peak: pointer(18.0), Limit: pointer(80.0), Source: "cgroup of annad.service"},
		Queue:        Queue{Rate: 1.25, Accounting: events.Accounting{Observed: 100, Processed: 90, Merged: 8, Dropped: 2}},
		Capabilities: capability.Counts{Active: 6, Degraded: 1, Disabled: 2},
		Findings:     []health.Finding{},
		Thresholds: Thresholds{
			P99WarnMS: 100, P99CritMS: 500, MemoryWarnMB: pointer(60.0), MemoryCritMB: pointer(70.0), QueueWarn: 50, QueueCrit: 100,
		},
		Requests: Requests{
			Total: 1234, Failed: 5, Self: 60,
			LifeMS: Lifetime{Count: 1234, P50: pointer(0.18), P95: pointer(0.41), P99: pointer(1.3), Max: pointer(12.0)},
		},
		RPCMethods: []Method{
			{Name: "get_health_metrics", Requests: 1000, Failed: 0, LatencyMS: latency},
			{Name: "get_version", Requests: 234, Failed: 5, LatencyMS: Latency{Window: 100}},
		},
		Process: Process{
			ResidentMB: pointer(12.3), ResidentPeakMB: pointer(18.0), VirtualMB: pointer(1200.5), CPUSec: pointer(3.25),
			Threads: pointer(uint64(9)), Descriptors: pointer(uint64(14)), DescriptorsMax: pointer(uint64(1024)),
		},
		Unknown: map[string]string{},
	}
}

func screen(t ui.Theme, m Metrics, verbose bool) string {
	var b bytes.Buffer
	print(&b, t, m, verbose)
	return b.String()
}

// TestScreens freezes what `anna health` shows, in text, ASCII, colour and at
// length.
func TestScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // the screen shows the reader's own time
	defer func() { time.Local = local }()
	warning := healthy()
	warning.Level = health.Warning
	warning.Memory.Current, warning.Memory.Peak = pointer(64.0), pointer(66.5)
	warning.Memory.WorkingSet, warning.Memory.Reclaimable = pointer(61.5), pointer(2.5)
	warning.Queue = Queue{Depth: 60, Rate: 12.5, OldestSec: 95, Overdue: 55}
	warning.Capabilities.Failed = 1
	warning.Findings = []health.Finding{
		{ID: "memory", Level: health.Warning, Title: "The daemon's memory grows large", Detail: "64 MB in use (limits: 60 MB, 70 MB)", Fix: "Restart it: sudo systemctl restart annad", Since: warning.At.Add(-42 * time.Minute), After: fullFinding.After},
		{ID: "queue", Level: health.Warning, Title: "Events wait to be processed", Detail: "60 events wait (limits: 50, 100)", Since: warning.At.Add(-2 * time.Hour), BetterSince: pointer(warning.At.Add(-30 * time.Second))},
		{ID: "spool", Level: health.Warning, Title: "Events would not survive a crash", Detail: "no space left", Since: warning.At.Add(-72 * time.Hour), Acknowledged: fullFinding.Acknowledged},
	}
	critical := healthy()
	critical.Level = health.Critical
	critical.Memory.Current, critical.Memory.Peak = pointer(79.9), pointer(80.0)
	critical.RPCLatency.P99 = pointer(730.0)
	critical.Findings = []health.Finding{
		{ID: "memory", Level: health.Critical, Title: "The daemon's memory grows large", Detail: "79 MB in use (limits: 60 MB, 70 MB)", Fix: "Restart it: sudo systemctl restart annad"},
		{ID: "rpc_latency", Level: health.Critical, Title: "Answers are slow", Detail: "99 of 100 requests end within 730ms (limits: 100ms, 500ms)", Fix: "Look at the methods: annactl health --json | jq .rpc_methods"},
	}
	unlimited := healthy()
	unlimited.Memory.Limit = nil
	unlimited.Memory.Source = "VmRSS: the cgroup is shared"
	private := unlimited
	private.Standalone, private.UptimeSec = true, 0
	unknown := Metrics{
		Level: health.Unknown, Version: "0.12.7", Host: "nas", PID: 4711,
		RPCLatency: Latency{Window: 100}, Findings: []health.Finding{}, RPCMethods: []Method{},
		Unknown: map[string]string{
			"memory_mb.current": "/proc cannot be read: permission denied",
			"process.cpu_sec":   "/proc cannot be read: permission denied",
		},
	}
	for name, m := range map[string]Metrics{
		"healthy": healthy(), "warning": warning, "critical": critical, "unlimited": unlimited, "private": private, "unknown": unknown,
	} {
		var b strings.Builder
		for _, style := range []struct {
			name    string
			theme   ui.Theme
			verbose bool
		}{
			{"text", ui.Theme{}, false},
			{"ASCII", ui.Theme{ASCII: true}, false},
			{"colour", ui.Theme{Colour: true}, false},
			{"at length", ui.Theme{}, true},
		} {
			got := screen(style.theme, m, style.verbose)
			if style.theme.ASCII && strings.IndexFunc(got, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
				t.Errorf("%s goes beyond ASCII: %q", name, got)
			}
			for line := range strings.SplitSeq(got, "\n") {
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s as %s has a line with spaces at its end: %q", name, style.name, line)
				}
			}
			fmt.Fprintf(&b, "# %s\n%s\n", style.name, strings.ReplaceAll(got, "\x1b", "^["))
		}
		annatest.Golden(t, "testdata/screen/health-"+name+".txt", []byte(b.String()))
	}
}

// TestColourChangesNothing holds that the colours are only colours.
func TestColourChangesNothing(t *testing.T) {
	m := healthy()
	got := screen(ui.Theme{Colour: true}, m, true)
	for _, code := range []string{"0", "1", "2", "31", "32", "33", "36"} {
		got = strings.ReplaceAll(got, "\x1b["+code+"m", "")
	}
	if want := screen(ui.Theme{}, m, true); got != want {
		t.Errorf("painted:\n%s\nplain:\n%s", got, want)
	}
}

// TestScreenOfHostileDaemon fills every text of the answer with what a terminal
// would act on, and every figure with nonsense.
func TestScreenOfHostileDaemon(t *testing.T) {
	m := healthy()
	annatest.Poison(&m)
	m.Findings[0].ID, m.Findings[0].Level = "memory", health.Critical
	m.Unknown["memory_mb.current"] = annatest.Evil
	without := m
	without.Memory = Memory{Source: annatest.Evil}
	for _, m := range []Metrics{m, without} {
		for _, verbose := range []bool{false, true} {
			annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, m, verbose) })
		}
	}
	// Figures that no daemon has.
	for _, f := range []float64{0, -1, math.MaxFloat64, math.SmallestNonzeroFloat64} {
		m := healthy()
		m.UptimeSec = math.MaxInt64
		m.Memory = Memory{Current: &f, Peak: &f, Limit: &f}
		m.Thresholds.MemoryWarnMB = &f
		m.RPCLatency = Latency{Avg: &f, P95: &f, Samples: -1, Window: -1}
		m.Queue = Queue{Depth: math.MaxUint64, Rate: f, OldestSec: f}
		screen(ui.Theme{}, m, true) // no panic
	}
	screen(ui.Theme{}, Metrics{}, true)
}
