package health

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

const barWidth = 30

// print draws the screen of `anna health`.
func print(w io.Writer, t ui.Theme, m Metrics, verbose bool) {
	head := []string{t.Level(m.Level), "annad " + ui.Plain(m.Version) + " on " + ui.Plain(m.Host)}
	if m.Standalone {
		head = append(head, "private, for this command")
	} else {
		head = append(head, "up "+ui.Span(time.Duration(m.UptimeSec)*time.Second))
	}
	for i, part := range head {
		if i > 0 {
			io.WriteString(w, t.Dot())
		}
		io.WriteString(w, part)
	}
	io.WriteString(w, "\n\n")
	rows := [][]string{
		{"  latency", latencyLine(t, m.RPCLatency)},
		{"  memory", memoryLine(t, m)},
		{"  queue", queueLine(m)},
		{"  capabilities", capabilityLine(m)},
	}
	io.WriteString(w, ui.Columns(rows))
	if len(m.Findings) > 0 {
		io.WriteString(w, "\n")
	}
	for _, f := range m.Findings {
		printFinding(w, t, f, m.At)
	}
	if verbose {
		printMore(w, t, m)
	}
}

// printFinding shows a finding: what is wrong, since when and after what, and
// the next step.
func printFinding(w io.Writer, t ui.Theme, f health.Finding, now time.Time) {
	fmt.Fprintf(w, "%s  %s: %s\n", t.Shape(f.Level), ui.Plain(f.Title), ui.Plain(f.Detail))
	about := []string{ui.Plain(f.ID)}
	if !f.Since.IsZero() {
		about = append(about, "for "+ui.Span(now.Sub(f.Since)))
	}
	if f.After != nil {
		about = append(about, "after "+ui.Plain(f.After.Text))
	}
	if f.BetterSince != nil {
		about = append(about, "better for "+ui.Span(now.Sub(*f.BetterSince)))
	}
	if a := f.Acknowledged; a != nil {
		about = append(about, fmt.Sprintf("known to %s until %s", ui.Plain(a.Who), a.Until.Local().Format("2006-01-02 15:04")))
	}
	fmt.Fprintf(w, "   %s\n", t.Paint(ui.Faint, strings.Join(about, t.Dot())))
	if f.Fix != "" {
		fmt.Fprintf(w, "   %s\n", ui.Plain(f.Fix))
	}
}

func latencyLine(t ui.Theme, l Latency) string {
	if l.Samples == 0 {
		return "unknown (no request has been answered yet)"
	}
	return fmt.Sprintf("avg %s%sp95 %s%sp99 %s  %s",
		millisText(l.Avg), t.Dot(), millisText(l.P95), t.Dot(), millisText(l.P99),
		t.Paint(ui.Faint, fmt.Sprintf("(last %d of %d)", l.Samples, l.Window)))
}

func millisText(ms *float64) string {
	if ms == nil {
		return "unknown"
	}
	return ui.Millis(*ms)
}

// memoryLine draws the memory against its limit, with the thresholds marked.
func memoryLine(t ui.Theme, m Metrics) string {
	mem := m.Memory
	if mem.Current == nil {
		return "unknown (" + ui.Plain(m.Unknown["memory_mb.current"]) + ")"
	}
	text := ui.MB(*mem.Current)
	text += mem.cacheText()
	if mem.Peak != nil {
		text += ", peak " + ui.MB(*mem.Peak)
	}
	source := t.Paint(ui.Faint, ui.Plain(mem.Source))
	if mem.Limit == nil {
		return text + ", no limit" + t.Dot() + source
	}
	style := ui.Good
	for _, f := range m.Findings {
		if f.ID == "memory" {
			style = map[health.Level]ui.Style{health.Warning: ui.Warn, health.Critical: ui.Bad}[f.Level]
		}
	}
	var marks []float64
	for _, mark := range []*float64{m.Thresholds.MemoryWarnMB, m.Thresholds.MemoryCritMB} {
		if mark != nil {
			marks = append(marks, *mark / *mem.Limit)
		}
	}
	bar := t.Bar(barWidth, *mem.judged() / *mem.Limit, style, marks...)
	return fmt.Sprintf("%s  %s of %s%s%s", bar, text, ui.MB(*mem.Limit), t.Dot(), source)
}

// cacheText says how much of the memory is file cache, where it is worth a word.
func (m Memory) cacheText() string {
	if m.Reclaimable == nil || *m.Reclaimable < 1 {
		return ""
	}
	return " (" + ui.MB(*m.Reclaimable) + " file cache)"
}

func queueLine(m Metrics) string {
	q := m.Queue
	if q.Depth == 0 {
		return fmt.Sprintf("empty, %.1f events/s", q.Rate)
	}
	text := fmt.Sprintf("%d waiting, the oldest for %s, %.1f events/s", q.Depth, ui.Span(time.Duration(q.OldestSec*float64(time.Second))), q.Rate)
	if q.Overdue > 0 {
		text += fmt.Sprintf(", %d overdue", q.Overdue)
	}
	return text
}

func capabilityLine(m Metrics) string {
	c := m.Capabilities
	text := fmt.Sprintf("%d active, %d degraded", c.Active, c.Degraded)
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	return text
}

// printMore adds what -v asks for: each method's window, the process, and why
// figures are unknown.
func printMore(w io.Writer, t ui.Theme, m Metrics) {
	rows := [][]string{{"  method", "requests", "failed", "avg", "p95", "p99"}}
	for _, x := range m.RPCMethods {
		l := x.LatencyMS
		rows = append(rows, []string{
			"  " + ui.Plain(x.Name), fmt.Sprint(x.Requests), fmt.Sprint(x.Failed),
			millisText(l.Avg), millisText(l.P95), millisText(l.P99),
		})
	}
	fmt.Fprintf(w, "\n%s", ui.Columns(rows))
	p := m.Process
	fmt.Fprintf(w, "\n  process %d: %s resident, %s CPU seconds, %s threads, %s descriptors\n",
		m.PID, valueText(p.ResidentMB, ui.MB), valueText(p.CPUSec, func(s float64) string { return fmt.Sprintf("%.2f", s) }),
		valueText(p.Threads, decimal), valueText(p.Descriptors, decimal))
	paths := make([]string, 0, len(m.Unknown))
	for path := range m.Unknown {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		fmt.Fprintf(w, "  %s\n", t.Paint(ui.Faint, ui.Plain(path+" is unknown: "+m.Unknown[path])))
	}
}

func decimal(n uint64) string { return fmt.Sprint(n) }

func valueText[T any](v *T, text func(T) string) string {
	if v == nil {
		return "unknown"
	}
	return text(*v)
}
