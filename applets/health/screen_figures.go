package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

// historySpan is what the curves show: all that the daemon remembers.
const historySpan = 5 * time.Minute

func (p *picture) latencyPanel(f dash.Frame) dash.Panel {
	t, l, th := f.Theme, p.m.RPCLatency, p.m.Thresholds
	panel := dash.Panel{Title: "latency", Empty: "no method was called yet"}
	panel.Note = fmt.Sprintf("p99 over 5 min, warning at %g ms", th.P99WarnMS)
	if l.Samples == 0 {
		panel.Top = []string{"unknown (no request has been answered yet)"}
	} else {
		text := fmt.Sprintf("avg %s%sp95 %s%sp99 %s", millisText(l.Avg), t.Dot(), millisText(l.P95), t.Dot(), millisText(l.P99))
		if of := fmt.Sprintf("  (last %d of %d)", l.Samples, l.Window); ui.Width(text+of) <= f.Width {
			text += t.Paint(ui.Faint, of)
		}
		panel.Top = []string{text}
	}
	if high := min(max((f.Height-3)/2, 0), 8); high > 0 {
		c := p.chart(p.latency, ui.Millis)
		c.Warn, c.Crit = th.P99WarnMS, th.P99CritMS
		panel.Top = append(panel.Top, c.Draw(t, f.Width, high)...)
	}
	var called []Method
	for _, m := range p.m.RPCMethods {
		if m.Requests > 0 { // the dashboard's own are not counted
			called = append(called, m)
		}
	}
	var names, requests, failed, avg, p99 []string
	for _, m := range called {
		names, requests, failed = append(names, ui.Plain(m.Name)), append(requests, fmt.Sprint(m.Requests)), append(failed, fmt.Sprint(m.Failed))
		avg, p99 = append(avg, millisShort(m.LatencyMS.Avg)), append(p99, millisShort(m.LatencyMS.P99))
	}
	table := [][]column{
		{{"method", names, false}, {"requests", requests, true}, {"failed", failed, true}, {"avg", avg, true}, {"p99", p99, true}},
		{{"method", names, false}, {"requests", requests, true}, {"avg", avg, true}, {"p99", p99, true}},
	}
	head, lines := lay(table[0])
	if ui.Width(head) > f.Width {
		head, lines = lay(table[1])
	}
	panel.Top = append(panel.Top, t.Paint(ui.Faint, head))
	for i, m := range called {
		panel.Rows = append(panel.Rows, dash.Row{ID: m.Name, Text: lines[i], Detail: methodDetail(m)})
	}
	return panel
}

func methodDetail(m Method) []string {
	l := m.LatencyMS
	return []string{
		ui.Plain(m.Name), "",
		fmt.Sprintf("%d requests since the start, %d of them failed", m.Requests, m.Failed),
		fmt.Sprintf("the last %d (a window of %d):", l.Samples, l.Window),
		"  avg " + millisText(l.Avg), "  p50 " + millisText(l.P50), "  p95 " + millisText(l.P95),
		"  p99 " + millisText(l.P99), "  max " + millisText(l.Max),
	}
}

// A column of a table.
type column struct {
	head  string
	cells []string
	right bool
}

// lay lays columns out and returns the head and the lines.
func lay(columns []column) (head string, lines []string) {
	for i, c := range columns {
		width := ui.Width(c.head)
		for _, cell := range c.cells {
			width = max(width, ui.Width(cell))
		}
		if i == 0 {
			lines = make([]string, len(c.cells))
		} else {
			head += "  "
		}
		head += pad(c.head, width, c.right)
		for j, cell := range c.cells {
			if i > 0 {
				lines[j] += "  "
			}
			lines[j] += pad(cell, width, c.right)
		}
	}
	return head, lines
}

func pad(s string, width int, right bool) string {
	space := fmt.Sprintf("%*s", max(width-ui.Width(s), 0), "")
	if right {
		return space + s
	}
	return s + space
}

func millisShort(ms *float64) string {
	if ms == nil {
		return "-"
	}
	return ui.Millis(*ms)
}

func (p *picture) chart(points []dash.Point, unit func(float64) string) dash.Chart {
	return dash.Chart{Points: points, Now: p.m.At, Span: historySpan, Every: max(p.every, time.Second), Unit: unit}
}

func (p *picture) memoryPanel(f dash.Frame) dash.Panel {
	t, m := f.Theme, p.m
	panel := dash.Panel{Title: "memory"}
	if m.Memory.Current == nil {
		panel.Top = []string{"unknown", ui.Plain(m.Unknown["memory_mb.current"])}
		return panel
	}
	text := memoryText(m)
	peak := ""
	if m.Memory.Peak != nil {
		peak = ", peak " + ui.MB(*m.Memory.Peak)
	}
	if cache := m.Memory.cacheText(); ui.Width(text+cache+peak) <= f.Width {
		text += cache
	}
	text += peak
	source := ui.Plain(m.Memory.Source)
	if short, _, ok := strings.Cut(source, " ("); ok && ui.Width(source) > f.Width {
		source = short // without why: the whole screen has room for that
	}
	if m.Memory.Limit == nil {
		source += ", no limit"
	}
	panel.Top = []string{text}
	// Where the title has no room for where the figures come from, a line has.
	if ui.Width(source)+12 <= f.Width {
		panel.Note = source
	} else if f.Height >= 4 {
		panel.Top = append(panel.Top, t.Paint(ui.Faint, t.CutMiddle(source, f.Width)))
	}
	c := p.chart(p.memory, ui.MB)
	if v := m.Thresholds.MemoryWarnMB; v != nil {
		c.Warn, c.Top = *v, *v
	}
	if v := m.Thresholds.MemoryCritMB; v != nil {
		c.Crit, c.Top = *v, max(c.Top, *v)
	}
	if m.Memory.Limit != nil {
		panel.Top = append(panel.Top, memoryBar(t, m, f.Width))
		c.Top = max(c.Top, *m.Memory.Limit)
	}
	for _, point := range p.memory {
		c.Top = max(c.Top, point.Value)
	}
	high := min(f.Height-len(panel.Top), 8)
	if m.Thresholds.MemoryWarnMB != nil && m.Thresholds.MemoryCritMB != nil && high > 3 {
		panel.Top = append(panel.Top, t.Paint(ui.Faint, fmt.Sprintf("warning at %s, critical at %s", ui.MB(c.Warn), ui.MB(c.Crit))))
		high--
	}
	panel.Top = append(panel.Top, c.Draw(t, f.Width, high)...)
	return panel
}

// memoryBar draws what the thresholds are about against the limit, with the
// thresholds marked.
func memoryBar(t ui.Theme, m Metrics, width int) string {
	style := ui.Good
	var marks []float64
	for i, mark := range []*float64{m.Thresholds.MemoryWarnMB, m.Thresholds.MemoryCritMB} {
		if mark == nil {
			continue
		}
		marks = append(marks, *mark / *m.Memory.Limit)
		if *m.Memory.judged() > *mark {
			style = []ui.Style{ui.Warn, ui.Bad}[i]
		}
	}
	return t.Bar(width, *m.Memory.judged() / *m.Memory.Limit, style, marks...)
}

// queueText says in one line how the queue does, as much as there is room for.
func queueText(q Queue, width int) string {
	text := fmt.Sprintf("empty, %.1f events/s", q.Rate)
	if q.Depth > 0 {
		text = fmt.Sprintf("%d waiting, %d overdue", q.Depth, q.Overdue)
		if more := ", oldest " + ui.Span(time.Duration(q.OldestSec*float64(time.Second))); ui.Width(text+more) <= width {
			text += more
		}
	}
	return text
}

func (p *picture) queuePanel(f dash.Frame) dash.Panel {
	q, a := p.m.Queue, p.m.Queue.Accounting
	counts := f.Theme.Paint(ui.Faint, fmt.Sprintf("%d seen, %d merged, %d dropped", a.Observed, a.Merged, a.Dropped))
	panel := dash.Panel{Title: "queue", Top: []string{queueText(q, 0), counts}}
	if q.Depth > 0 {
		panel.Top[1] = "oldest " + ui.Span(time.Duration(q.OldestSec*float64(time.Second)))
		if rate := fmt.Sprintf(", %.1f events/s", q.Rate); ui.Width(panel.Top[1]+rate) <= f.Width {
			panel.Top[1] += rate
		}
		if f.Height > 4 {
			panel.Top = append(panel.Top, counts)
		}
	}
	if high := min(f.Height-len(panel.Top), 4); high > 1 {
		c := p.chart(p.queue, func(v float64) string { return fmt.Sprintf("%g", v) })
		c.Warn, c.Crit = float64(p.m.Thresholds.QueueWarn), float64(p.m.Thresholds.QueueCrit)
		panel.Note = fmt.Sprintf("waiting, warning at %d overdue", p.m.Thresholds.QueueWarn)
		panel.Top = append(panel.Top, c.Draw(f.Theme, f.Width, high)...)
	}
	return panel
}
