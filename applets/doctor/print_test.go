package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

var began = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

func ill() Report {
	return Report{
		Level: health.Critical, Daemon: Daemon{Socket: "/run/anna/annad.sock", Answers: true, Version: "0.12.7"},
		Checks: []Check{
			{Result: health.Result{ID: "rpc_latency", Group: "requests", Result: health.OK, Detail: "99 of 100 requests end within 1.2ms"}, Figures: map[string]*float64{"avg_ms": ptr(0.2), "p95_ms": ptr(0.5), "p99_ms": ptr(1.2)}},
			{Result: health.Result{
				ID: "memory", Group: "resources", Result: health.Critical, Detail: "72 MB in use of 80 MB (threshold: 70 MB)", Fix: "Restart it: sudo systemctl restart annad",
				Since: &began, After: &health.Mark{Kind: "event", Number: 7, Time: began, Text: "packages: linux upgraded"},
				Evidence: &health.Evidence{Figure: "memory_mb.current", Value: 72, Threshold: 70, Unit: "MB"},
			}, Figures: map[string]*float64{"current_mb": ptr(72.0), "peak_mb": ptr(73.5), "limit_mb": nil}},
			{Result: health.Result{ID: "memory_growth", Group: "resources", Result: health.OK, Detail: "10 MB more within 5 min", HiddenBy: "memory"}},
			{Result: health.Result{ID: "queue", Group: "queue", Result: health.OK, Detail: "60 events wait", PendingSec: 4}},
			{Result: health.Result{ID: "executable", Group: "daemon", Result: health.Warning, Detail: "an older one runs", Since: &began, Acknowledged: &health.Ack{Until: began.Add(time.Hour), Level: health.Warning, Who: "root"}}},
			{Result: health.Result{ID: "systemd", Group: health.GroupClient, Result: health.Unknown, Detail: "systemd is not this machine's init"}},
		},
	}
}

func dead() Report {
	r := Report{
		Level: health.Critical,
		Daemon: Daemon{
			Socket: "/run/anna/annad.sock", Error: &Failure{rpc.DaemonCrashed, "cannot connect", "Start it"},
			LastWords: &diagnose.Words{At: began, State: "running", Level: "critical", Findings: []string{"memory critical"}, MemoryMB: ptr(79.0), LimitMB: ptr(80.0)},
		},
		Fixes: []Fixed{{Check: "socket", Does: "remove the stale socket", Done: true}, {Check: "state_dir", Does: "give it", Error: "it has a second name"}, {Check: "systemd", Does: "start it"}},
	}
	for _, c := range health.Checks {
		r.Checks = append(r.Checks, Check{Result: health.Result{ID: c.ID, Group: c.Group, Result: health.Unknown, Detail: "the daemon does not answer"}})
	}
	r.Checks = append(r.Checks, Check{Result: health.Result{ID: "daemon", Group: health.GroupClient, Result: health.Critical, Detail: "cannot connect (DaemonCrashed)", Fix: "Start it"}})
	return r
}

func TestScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	for name, r := range map[string]Report{"ill": ill(), "dead": dead()} {
		var b bytes.Buffer
		for _, th := range []ui.Theme{{}, {ASCII: true}, {Colour: true}} {
			print(&b, th, r, false)
			b.WriteString("\n")
		}
		annatest.Golden(t, "testdata/screen/doctor-"+name+".txt", bytes.ReplaceAll(b.Bytes(), []byte("\x1b"), []byte("^[")))
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/doctor-"+name+".json", append(text, '\n'))
	}
}

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	r, d := ill(), dead()
	annatest.Poison(&r)
	annatest.Poison(&d)
	d.Daemon.Answers = false
	for _, r := range []Report{r, d} {
		annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, r, true) })
	}
	var known []health.Acknowledgement
	var a Acked
	annatest.Poison(&known)
	annatest.Poison(&a)
	annatest.Harmless(t, func(w io.Writer) { printKnown(w, known) })
	annatest.Harmless(t, func(w io.Writer) { printAck(w, a) })
}

func TestExit(t *testing.T) {
	if got := ill().exit(); got != 4 {
		t.Errorf("critical: %d", got)
	}
	r := dead()
	r.Checks = r.Checks[:1]
	if got := r.exit(); got != 5 {
		t.Errorf("nothing could be checked: %d", got)
	}
	if got := (Report{}).exit(); got != 5 {
		t.Errorf("no check: %d", got)
	}
}

// TestHealthChecksPage keeps docs/HEALTH-CHECKS.md true to the tables.
func TestHealthChecksPage(t *testing.T) {
	var b bytes.Buffer
	group := ""
	for _, c := range table() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "### %s%s\n\n", strings.ToUpper(group[:1]), group[1:])
		}
		fmt.Fprintf(&b, "#### `%s`: %s\n\n%s\n\n", c.ID, c.Title, c.Says)
		for _, bad := range []struct{ level, when string }{{"Warning", c.Warn}, {"Critical", c.Crit}} {
			if bad.when != "" {
				fmt.Fprintf(&b, "- %s: %s.\n", bad.level, bad.when)
			}
		}
		switch {
		case c.Group == health.GroupClient:
		case c.RaiseAtOnce == health.OK:
			b.WriteString("- Raised at once")
			if c.ClearAtOnce {
				b.WriteString(", and taken back at once")
			}
			b.WriteString(".\n")
		}
		if len(c.Causes) > 0 {
			fmt.Fprintf(&b, "- Hidden while one of these is a finding and at least as bad: `%s`.\n", strings.Join(c.Causes, "`, `"))
		}
		fmt.Fprintf(&b, "- What to do: %s\n\n", c.Do)
	}
	annatest.GoldenSection(t, "docs/HEALTH-CHECKS.md", "checks", b.Bytes())
}
