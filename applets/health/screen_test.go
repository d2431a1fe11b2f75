package health

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

// watched is a dashboard's model after five minutes of a daemon with these
// figures; the curves end in them.
func watched(m Metrics) *model {
	d := newModel(m.Version, time.Second, m)
	h := History{Series: map[string][]Reading{}}
	for i := range 300 {
		at := float64(m.At.Unix() - 300 + int64(i))
		wave := 1 + math.Sin(float64(i)/20)/4
		if i == 100 {
			continue // a gap of a second is none in the curve
		}
		h.Series["annad_rpc_p99_seconds"] = append(h.Series["annad_rpc_p99_seconds"], Reading{at, *m.RPCLatency.P99 / 1000 * wave})
		h.Series["annad_memory_bytes"] = append(h.Series["annad_memory_bytes"], Reading{at, *m.Memory.Current * (1 << 20) * (0.5 + float64(i)/600)})
		h.Series["queue_depth"] = append(h.Series["queue_depth"], Reading{at, float64(i % 7)})
	}
	d.remembered(h)
	since := m.At.Add(-time.Hour)
	d.can([]capability.Report{
		{Module: "btrfs", Summary: "measures the space of Btrfs file systems", State: capability.Degraded, Why: "without CAP_SYS_ADMIN deleted subvolumes are not counted", Do: "sudo annactl storage btrfs shows all of it", Since: since, AsInstalled: true},
		{Module: "config", Summary: "watches the files of [events] watch_files", State: capability.Active, Since: since},
		{Module: "kernel", Summary: "compares what runs with what is installed", State: capability.Active, Since: since},
		{Module: "network", Summary: "watches links, addresses and routes", State: capability.Disabled, Why: "switched off: modules.network = false", Since: since},
		{Module: "storage", Summary: "watches what is mounted, and how full it gets", State: capability.Failed, Why: "no mount table", Do: "it is tried again by itself", Since: since, Failures: 4},
		{Module: "later", Summary: "of a newer daemon", State: "dreaming", Since: since},
	})
	for i, domain := range []string{"packages", "config", "network", "storage"} {
		d.happened(composite{Number: uint64(i), Domain: domain, Last: m.At, Causes: []struct {
			Kind     string    `json:"kind"`
			Subject  string    `json:"subject"`
			Detail   string    `json:"detail"`
			Count    uint64    `json:"count"`
			CatchUp  bool      `json:"catch_up"`
			LastTime time.Time `json:"last_time"`
		}{{Kind: "changed", Subject: "/etc/" + domain, Detail: "detail", Count: uint64(i) + 1, CatchUp: i == 0, LastTime: m.At.Add(time.Duration(i-9) * time.Minute)}}}.events()...)
	}
	return d
}

// ill is a daemon with two critical findings and an acknowledged one.
func ill() Metrics {
	m := healthy()
	m.Level = health.Critical
	m.Memory.Current, m.Memory.Peak = pointer(78.9), pointer(80.0)
	m.RPCLatency.P99 = pointer(730.0)
	m.Queue.Depth, m.Queue.OldestSec, m.Queue.Overdue = 120, 95, 110
	m.Capabilities.Failed = 1
	m.Findings = []health.Finding{
		{ID: "memory", Level: health.Critical, Title: "The daemon's memory grows large", Detail: "79 MB in use (limits: 60 MB, 70 MB)", Fix: "Restart it: sudo systemctl restart annad", Since: m.At.Add(-42 * time.Minute)},
		{ID: "rpc_latency", Level: health.Critical, Title: "Answers are slow", Detail: "99 of 100 requests end within 730ms (limits: 100ms, 500ms)", Fix: "Look at the methods: annactl health -v", Since: m.At.Add(-3 * time.Minute)},
		{ID: "spool", Level: health.Warning, Title: "Events would not survive a crash", Detail: "no space left", Since: m.At.Add(-72 * time.Hour), Acknowledged: fullFinding.Acknowledged},
	}
	return m
}

// TestDashboardJudgesTheWorkingSet holds that the dashboard shows against the
// thresholds what they are about: file cache that the kernel takes back turns
// neither bar nor curve red while the daemon is well.
func TestDashboardJudgesTheWorkingSet(t *testing.T) {
	cached, plain := healthy(), healthy()
	cached.Memory.Current, cached.Memory.WorkingSet, cached.Memory.Reclaimable = pointer(75.0), pointer(20.0), pointer(55.0)
	plain.Memory.Current, plain.Memory.WorkingSet, plain.Memory.Reclaimable = pointer(20.0), nil, nil
	painted := ui.Theme{Colour: true}
	if got, want := memoryBar(painted, cached, 30), memoryBar(painted, plain, 30); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d := newModel("", time.Second, cached)
	begin := float64(cached.At.Unix() - 2)
	p := d.remembered(History{Series: map[string][]Reading{
		"annad_memory_bytes":      {{begin, 75 << 20}, {begin + 1, 75 << 20}},
		"annad_working_set_bytes": {{begin, 20 << 20}, {begin + 1, 20 << 20}},
	}})
	if len(p.memory) != 3 {
		t.Fatalf("the curve has %v", p.memory)
	}
	for _, point := range p.memory {
		if point.Value != 20 {
			t.Errorf("the curve has %v", point)
		}
	}
	if text := strings.Join(p.memoryPanel(dash.Frame{Theme: ui.Theme{}, Width: 60, Height: 10}).Top, "\n"); !strings.Contains(text, "(55 MB file cache)") {
		t.Errorf("nothing says what the rest is:\n%s", text)
	}
}

func still(t *testing.T, v dash.View, theme ui.Theme, w, h int, m dash.Moment) string {
	t.Helper()
	text, err := dash.Still(v, theme, w, h, m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDashboard freezes the dashboard: four sizes, three states, in colour and
// in ASCII.
func TestDashboard(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	critical := watched(ill())
	critical.changed(health.Change{Number: 1, Kind: health.Raised, At: ill().At, Finding: ill().Findings[0]})
	for name, state := range map[string]struct {
		picture *picture
		moment  dash.Moment
	}{
		"healthy":  {watched(healthy()).copy(), dash.Moment{}},
		"critical": {critical.copy(), dash.Moment{}},
		"stale":    {watched(healthy()).copy(), dash.Moment{Trouble: "cannot connect to annad at /run/anna/annad.sock: nobody listens on the socket", Since: 7 * time.Second}},
	} {
		for _, size := range [][2]int{{120, 40}, {80, 24}, {40, 12}, {32, 4}} {
			ascii := still(t, state.picture, ui.Theme{ASCII: true}, size[0], size[1], state.moment)
			if strings.IndexFunc(ascii, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
				t.Errorf("%s goes beyond ASCII:\n%s", name, ascii)
			}
			colour := still(t, state.picture, ui.Theme{Colour: true}, size[0], size[1], state.moment)
			plain := still(t, state.picture, ui.Theme{}, size[0], size[1], state.moment)
			if got := ui.Unpaint(colour); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(plain, " ", "") {
				t.Errorf("%s: the colours change more than the colour:\n%s\n%s", name, got, plain)
			}
			for line := range strings.Lines(plain) {
				if w := ui.Width(strings.TrimSuffix(line, "\n")); w > size[0] {
					t.Errorf("%s: a line is %d wide", name, w)
				}
			}
			text := "# ASCII\n" + ascii + "\n# colour\n" + strings.ReplaceAll(colour, "\x1b", "^[")
			annatest.Golden(t, fmt.Sprintf("testdata/screen/dash-%s-%dx%d.txt", name, size[0], size[1]), []byte(text))
		}
	}
}

// TestDashboardDetails opens what can be opened.
func TestDashboardDetails(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	p := watched(ill()).copy()
	for keys, want := range map[string][]string{
		"\r":                {"get_health_metrics", "1000 requests since the start", "p99 1.25 ms"},
		"\t\r":              {"warning at 60 MB, critical at 70 MB"}, // memory alone
		"\t\t\t\r":          {"failed    no mount table", "it is tried again by itself", "degraded  without CAP_SYS_ADMIN", "sudo annactl storage btrfs shows all of it", "active    watches", "dreaming"},
		"\t\t\t\rjj\r":      {"without CAP_SYS_ADMIN", "no fault", "since 17:00:00 (for 1 h)", "sudo annactl"},
		"\t\t\t\r\r":        {"failed runs in the last hour: 4", "storage · failed"},
		"\t\t\t\t\r":        {"critical", "Restart it: sudo systemctl restart annad", "since 17:18:00 (for 42 min)"},
		"\t\t\t\t\x0a\r":    {"Restart it"},
		"\t\t\t\tjj\r":      {"known to root until"},
		"\t\t\t\t\t\r":      {"/etc/storage", "detail", "2026-11-23 17:54:00, storage"},
		"\t\t\t\t\tg\r":     {"/etc/packages", "found at the start"},
		"\t\t\t\t\tkf":      {"/etc/network"},
		"/slow\r\t\t\t\t\r": {"Answers are slow", "rpc_latency"},
	} {
		got := still(t, p, ui.Theme{}, 80, 24, dash.Moment{Keys: keys})
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("after %q nothing says %q:\n%s", keys, part, got)
			}
		}
	}
}

// TestDashboardUnknown draws what is known of nothing, at every size.
func TestDashboardUnknown(t *testing.T) {
	unknown := Metrics{Level: health.Unknown, Unknown: map[string]string{"memory_mb.current": "/proc cannot be read"}}
	unlimited := healthy()
	unlimited.Memory.Limit, unlimited.Thresholds.MemoryWarnMB, unlimited.Thresholds.MemoryCritMB = nil, nil, nil
	odd := healthy()
	odd.Memory.Limit, odd.Memory.Current, odd.Thresholds.P99CritMS = pointer(0.0), pointer(math.Inf(1)), math.NaN()
	odd.Version, odd.Standalone = "0.99.0", true
	for _, m := range []Metrics{unknown, unlimited, odd} {
		p := newModel("0.12.7", time.Second, m).copy()
		p.noTail = "no events: for a reason"
		for w := 0; w < 130; w += 1 + w/20 {
			for _, h := range []int{0, 1, 2, 11, 12, 13, 24, 41} {
				still(t, p, ui.Theme{}, w, h, dash.Moment{Keys: "\t\t"})
			}
		}
		got := still(t, p, ui.Theme{}, 80, 24, dash.Moment{})
		if m.Level == health.Unknown && !strings.Contains(got, "○ unknown") || !strings.Contains(got, "no events: for a reason") {
			t.Errorf("of the unknown:\n%s", got)
		}
		if m.Standalone && !strings.Contains(got, "annad 0.99.0 (this client 0.12.7)") {
			t.Errorf("nothing is said about versions:\n%s", got)
		}
	}
}

// TestDashboardHostile shows names with markup, escapes and wide characters as
// what they are: data.
func TestDashboardHostile(t *testing.T) {
	names := []string{
		"[red]no markup[-]", "[\"region\"]x[\"\"]", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "日本語のファイル", "e\u0301tude", "\u202egnp.exe",
		"a\nb\tc", "\xff\xfe", strings.Repeat("long", 500), strings.Repeat("\u0301", 5000), "👩\u200d🚀", "🇩🇪", "\u009b2J",
	}
	m := ill()
	m.Findings, m.RPCMethods = nil, nil
	d := newModel("", time.Second, m)
	for i, name := range names {
		m.Findings = append(m.Findings, health.Finding{ID: name, Title: name, Detail: name, Fix: name, Level: health.Warning, Since: m.At})
		m.RPCMethods = append(m.RPCMethods, Method{Name: name, Requests: 1})
		d.happened(event{id: fmt.Sprint(i), at: m.At, domain: name, subject: name, what: name, detail: []string{name}})
	}
	m.Host, m.Version, m.Memory.Source = names[2], names[0], names[3]
	p := d.took(m)
	for _, size := range [][2]int{{120, 40}, {80, 24}, {40, 12}, {32, 4}, {7, 3}} {
		for _, keys := range []string{"", "\r", "\t\t\t\t\r", "\t\t\t\t\tgj\r", "\t\t\t\t\tgjjjj\r", "\t\t\t\tf", "\t\tf", "/[red]\r"} {
			got := still(t, p, ui.Theme{}, size[0], size[1], dash.Moment{Keys: keys})
			for line := range strings.Lines(got) {
				if line = strings.TrimSuffix(line, "\n"); ui.Width(line) > size[0] || strings.IndexFunc(line, unicode.IsControl) >= 0 {
					t.Errorf("after %q a line is wrong: %q", keys, line)
				}
			}
		}
	}
	got := still(t, p, ui.Theme{}, 120, 60, dash.Moment{Keys: "\t\t\t\tf"})
	for _, want := range []string{"[red]no markup[-] · [red]no markup[-]", `["region"]x[""]`, `\x1b[31mred\x1b[0m`, "日本語のファイル", "e\u0301tude", `\u202egnp.exe`, `a\nb\tc`} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing shows %q:\n%s", want, got)
		}
	}
}

// TestModelBounded holds that watching for long takes no more memory, and that
// pictures handed over stay as they are.
func TestModelBounded(t *testing.T) {
	m := healthy()
	d := newModel("", time.Second, m)
	first := d.copy()
	for i := range 5000 {
		m.At = m.At.Add(time.Second)
		m.RPCLatency.P99 = pointer(float64(i))
		p := d.took(m)
		d.happened(event{id: fmt.Sprint(i), at: m.At})
		if len(p.latency) > keptPoints || len(p.events) > keptEvents {
			t.Fatalf("%d points, %d events", len(p.latency), len(p.events))
		}
	}
	if len(first.latency) != 1 || len(first.events) != 0 {
		t.Error("a picture that was handed over changed")
	}
	if got, want := d.summary("2 min"), "watched annad on nas for 2 min: worst level ok, p99 at most 4999 ms, answers: 5001"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if p := d.copy(); p.events[len(p.events)-1].id != "4999" {
		t.Error("the newest event is not there")
	}
}
