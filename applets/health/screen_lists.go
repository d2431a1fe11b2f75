package health

import (
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

// sinceWidth is how wide findings are shown with how long they stand.
const sinceWidth = 50

func (p *picture) findingsPanel(f dash.Frame) dash.Panel {
	t, m := f.Theme, p.m
	panel := dash.Panel{Title: "findings", Empty: "nothing is wrong"}
	if n := len(m.Findings); n > 0 {
		panel.Title = fmt.Sprintf("findings (%d)", n)
		panel.Note = "Enter: what to do"
	}
	for _, one := range m.Findings {
		text := t.Shape(one.Level) + " " + ui.Plain(one.Title)
		if more := t.Dot() + ui.Plain(one.Detail); f.Width >= sinceWidth || ui.Width(text+more) <= f.Width {
			text += more
		}
		if !one.Since.IsZero() && f.Width >= sinceWidth {
			since := t.Paint(ui.Faint, "for "+ui.Span(m.At.Sub(one.Since)))
			room := f.Width - ui.Width(since) - 2
			text = t.Cut(text, room)
			text += fmt.Sprintf("%*s", room-ui.Width(text)+2, "") + since
		}
		panel.Rows = append(panel.Rows, dash.Row{ID: one.ID, Text: text, Detail: findingDetail(t, one, m.At)})
	}
	return panel
}

// findingDetail is a finding with all that is known of it, and the next step.
func findingDetail(t ui.Theme, one health.Finding, now time.Time) []string {
	out := []string{t.Level(one.Level) + t.Dot() + ui.Plain(one.Title), "", ui.Plain(one.Detail)}
	add := func(format string, args ...any) { out = append(out, ui.Plain(fmt.Sprintf(format, args...))) }
	if e := one.Evidence; e != nil {
		add("%s is %g %s, the limit %g", e.Figure, e.Value, e.Unit, e.Threshold)
	}
	if !one.Since.IsZero() {
		add("since %s (for %s)", clock(one.Since), ui.Span(now.Sub(one.Since)))
	}
	if one.After != nil {
		add("after %s, %s", one.After.Text, clock(one.After.Time))
	}
	if one.BetterSince != nil {
		add("better for %s", ui.Span(now.Sub(*one.BetterSince)))
	}
	if len(one.Hides) > 0 {
		add("behind it: %v", one.Hides)
	}
	if a := one.Acknowledged; a != nil {
		add("known to %s until %s %s", a.Who, a.Until.Local().Format(time.DateTime), a.Note)
	}
	if one.Fix != "" {
		out = append(out, "", t.Paint(ui.Strong, ui.Plain(one.Fix)))
	}
	return append(out, "", t.Paint(ui.Faint, ui.Plain(one.ID)))
}

// clock is a time of today as people say it.
func clock(at time.Time) string { return at.Local().Format("15:04:05") }

func (p *picture) eventsPanel(f dash.Frame) dash.Panel {
	t := f.Theme
	panel := dash.Panel{Title: "events", Note: ui.Plain(p.noTail), Empty: "nothing happened yet", Tail: true}
	for _, e := range p.events {
		text := t.Paint(ui.Faint, clock(e.at)) + " "
		if f.Width >= fullWidth-2 {
			text += pad(ui.Plain(e.domain), 8, false) + " "
		}
		if e.level != health.OK {
			text += t.Shape(e.level) + " "
		}
		what := " " + ui.Plain(e.what)
		// What happened must be there to read; of a path, its ends say enough.
		text += t.CutMiddle(ui.Plain(e.subject), max(f.Width-ui.Width(text+what), f.Width/4)) + what
		panel.Rows = append(panel.Rows, dash.Row{ID: e.id, Text: text, Detail: eventDetail(e)})
	}
	return panel
}

func eventDetail(e event) []string {
	out := []string{ui.Plain(e.subject), ui.Plain(e.what), "", "at " + e.at.Local().Format(time.DateTime) + ", " + ui.Plain(e.domain)}
	for _, line := range e.detail {
		out = append(out, ui.Plain(line))
	}
	return out
}
