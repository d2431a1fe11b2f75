package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

// fewModules is how many lines are too few to list capabilities: their counts
// say more there.
const fewModules = 4

// stateLevels give a capability's state its shape and colour.
var stateLevels = map[capability.State]health.Level{
	capability.Active: health.OK, capability.Degraded: health.Warning,
	capability.Disabled: health.Unknown, capability.Failed: health.Critical,
}

func stateLevel(s capability.State) health.Level {
	if level, known := stateLevels[s]; known {
		return level
	}
	return health.Unknown // a newer daemon's word
}

// capabilitiesPanel lists each capability with its state and why it is in it,
// the worst first, and below each what to do about it where that fits too.
func (p *picture) capabilitiesPanel(f dash.Frame) dash.Panel {
	panel := dash.Panel{Title: "capabilities"}
	if len(p.modules) == 0 || f.Height < min(fewModules, len(p.modules)) {
		panel.Top = p.capabilityCounts(f.Theme)
		if len(p.modules) > 0 {
			panel.Note = "Enter: why"
		}
		return panel
	}
	t := f.Theme
	panel.Note = capabilityLine(p.m)
	list := slices.SortedStableFunc(slices.Values(p.modules), func(a, b capability.Report) int {
		return cmp.Compare(rank(a.State), rank(b.State))
	})
	var names, states []string
	for _, r := range list {
		names, states = append(names, ui.Plain(r.Module)), append(states, ui.Plain(string(r.State)))
	}
	_, heads := lay([]column{{"", names, false}, {"", states, false}})
	for i, r := range list {
		level := stateLevel(r.State)
		why := ui.Plain(r.Why)
		if why == "" {
			why = ui.Plain(r.Summary)
		}
		if level == health.OK || level == health.Unknown {
			why = t.Paint(ui.Faint, why)
		}
		detail := capabilityDetail(t, r, p.m.At)
		panel.Rows = append(panel.Rows, dash.Row{ID: r.Module, Text: t.Shape(level) + " " + heads[i] + "  " + why, Detail: detail})
		if r.Do != "" && p.moduleLines() <= f.Height {
			indent := strings.Repeat(" ", 2+ui.Width(heads[i])+2)
			panel.Rows = append(panel.Rows, dash.Row{ID: r.Module + " do", Text: indent + ui.Plain(r.Do), Detail: detail})
		}
	}
	return panel
}

// moduleLines is how many lines capabilities take with what to do about each.
func (p *picture) moduleLines() int {
	n := len(p.modules)
	for _, r := range p.modules {
		if r.Do != "" {
			n++
		}
	}
	return n
}

// rank is where a state stands in the list.
func rank(s capability.State) int {
	order := []capability.State{capability.Failed, capability.Degraded, capability.Active, capability.Disabled}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

func capabilityDetail(t ui.Theme, r capability.Report, now time.Time) []string {
	level := stateLevel(r.State)
	out := []string{t.Shape(level) + " " + ui.Plain(r.Module) + t.Dot() + ui.Plain(string(r.State)), "", ui.Plain(r.Summary)}
	if r.Why != "" {
		out = append(out, ui.Plain(r.Why))
	}
	if !r.Since.IsZero() {
		out = append(out, fmt.Sprintf("since %s (for %s)", clock(r.Since), ui.Span(now.Sub(r.Since))))
	}
	if r.Failures > 0 {
		out = append(out, fmt.Sprintf("failed runs in the last hour: %d", r.Failures))
	}
	if r.AsInstalled {
		out = append(out, "by how anna is installed or where it runs: no fault")
	}
	if r.Do != "" {
		out = append(out, "", t.Paint(ui.Strong, ui.Plain(r.Do)))
	}
	return out
}

// capabilityCounts is how many capabilities there are in each state.
func (p *picture) capabilityCounts(t ui.Theme) []string {
	c := p.m.Capabilities
	say := func(level health.Level, n int, word string) string {
		text := fmt.Sprintf("%d %s", n, word)
		if n == 0 {
			return t.Paint(ui.Faint, "  "+text)
		}
		return t.Shape(level) + " " + text
	}
	_, lines := lay([]column{
		{"", []string{say(health.OK, c.Active, "active"), say(health.Unknown, c.Disabled, "disabled")}, false},
		{"", []string{say(health.Warning, c.Degraded, "degraded"), say(health.Critical, c.Failed, "failed")}, false},
	})
	return lines
}
