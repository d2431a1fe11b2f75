package health

import (
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

// A picture is one snapshot of the dashboard. It never changes.
type picture struct {
	m       Metrics
	client  string // the client's own version
	every   time.Duration
	latency []dash.Point // milliseconds
	memory  []dash.Point // what the thresholds are about, units of 2^20 bytes
	queue   []dash.Point
	events  []event
	modules []capability.Report // none from a daemon that does not list them
	noTail  string              // why events do not come; "" while they do
}

// An event is one line of the tail.
type event struct {
	id      string
	at      time.Time
	level   health.Level // of a finding's transition
	domain  string
	subject string
	what    string
	detail  []string
}

// The sizes from which on there is a layout. Below the least one line is left.
const (
	wideWidth, wideHeight       = 110, 34 // of the room below the head
	fullWidth, fullHeight       = 80, 22  // 80x24
	compactWidth, compactHeight = 40, 10  // 40x12
)

// Head is the level line.
func (p *picture) Head(f dash.Frame) string {
	t, m := f.Theme, p.m
	name, host := "annad "+ui.Plain(m.Version), ui.Plain(m.Host)
	if p.client != "" && p.client != m.Version {
		name += " (this client " + p.client + ")"
	}
	life := "up " + ui.Span(time.Duration(m.UptimeSec)*time.Second)
	if m.Standalone {
		life = "private, for this command"
	}
	line := t.Level(m.Level) + t.Dot() + t.Paint(ui.Strong, host)
	for _, part := range []string{name, life} {
		if ui.Width(line)+ui.Width(t.Dot()+part) <= f.Width {
			line += t.Dot() + part
		}
	}
	return line
}

// Layout places the panels: all of them from 80x24 on, the figures, findings
// and events in 40x12.
func (p *picture) Layout(f dash.Frame) []dash.Place {
	w, h := f.Width, f.Height
	switch {
	case w >= wideWidth && h >= wideHeight:
		top, left := max(13, h*2/5), w/2
		right := w - left - 1
		queue := 5 + (top-13)/4
		middle := min(max(6, (h-top)/2), 1+max(p.moduleLines(), 5))
		return []dash.Place{
			{Name: "latency", W: left, H: top},
			{Name: "memory", X: left + 1, W: right, H: top - queue},
			{Name: "queue", X: left + 1, Y: top - queue, W: right, H: queue},
			{Name: "capabilities", X: left + 1, Y: top, W: right, H: middle},
			{Name: "findings", Y: top, W: left, H: middle},
			{Name: "events", Y: top + middle, W: w, H: h - top - middle},
		}
	case w >= fullWidth && h >= fullHeight:
		top := max(11, h*9/20)
		left := w * 3 / 5
		right := w - left - 1
		queue := 3 + (top-11)/3
		memory := top - queue - 3
		findings := max(5, (h-top)*9/20)
		return []dash.Place{
			{Name: "latency", W: left, H: top},
			{Name: "memory", X: left + 1, W: right, H: memory},
			{Name: "queue", X: left + 1, Y: memory, W: right, H: queue},
			{Name: "capabilities", X: left + 1, Y: memory + queue, W: right, H: 3},
			{Name: "findings", Y: top, W: w, H: findings},
			{Name: "events", Y: top + findings, W: w, H: h - top - findings},
		}
	case w >= compactWidth && h >= compactHeight:
		rest := h - 4
		return []dash.Place{
			{Name: "figures", W: w, H: 4, Bare: true},
			{Name: "findings", Y: 4, W: w, H: (rest + 1) / 2},
			{Name: "events", Y: 4 + (rest+1)/2, W: w, H: rest / 2},
		}
	}
	return nil
}

// Panel is one panel's content.
func (p *picture) Panel(name string, f dash.Frame) dash.Panel {
	switch name {
	case "latency":
		return p.latencyPanel(f)
	case "memory":
		return p.memoryPanel(f)
	case "queue":
		return p.queuePanel(f)
	case "capabilities":
		return p.capabilitiesPanel(f)
	case "findings":
		return p.findingsPanel(f)
	case "events":
		return p.eventsPanel(f)
	case "figures":
		return p.figures(f)
	}
	return dash.Panel{}
}

// figures is all in four lines.
func (p *picture) figures(f dash.Frame) dash.Panel {
	t, m := f.Theme, p.m
	memory := "unknown (" + ui.Plain(m.Unknown["memory_mb.current"]) + ")"
	if m.Memory.Current != nil {
		memory = memoryText(m)
		if bar := f.Width - 8 - ui.Width(memory) - 1; bar >= 8 && m.Memory.Limit != nil {
			memory = memoryBar(t, m, bar) + " " + memory
		}
	}
	return dash.Panel{Top: []string{
		"latency " + latencyText(t, m.RPCLatency),
		"memory  " + memory,
		"queue   " + queueText(m.Queue, f.Width-8),
		"modules " + capabilityLine(m),
	}}
}

func latencyText(t ui.Theme, l Latency) string {
	if l.Samples == 0 {
		return "unknown (nothing was asked yet)"
	}
	return fmt.Sprintf("p99 %s%savg %s", millisText(l.P99), t.Dot(), millisText(l.Avg))
}

func memoryText(m Metrics) string {
	text := ui.MB(*m.Memory.Current)
	if m.Memory.Limit != nil {
		text += " of " + ui.MB(*m.Memory.Limit)
	}
	return text
}
