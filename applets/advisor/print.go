package advisor

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printStanding(w io.Writer, t ui.Theme, s policy.Standing, all bool, program string) {
	var now, young, snoozed []policy.Advice
	for _, a := range s.Advice {
		switch {
		case !a.Raised:
			young = append(young, a)
		case a.Snooze != nil:
			snoozed = append(snoozed, a)
		default:
			now = append(now, a)
		}
	}
	if len(now) == 0 {
		fmt.Fprintf(w, "%s nothing to advise\n", t.Shape(health.OK))
	}
	for i, a := range now {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printAdvice(w, t, a)
	}
	if all {
		for i, a := range young {
			if i == 0 {
				fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Strong, "Not for long yet"))
			}
			fmt.Fprintf(w, "  %s %s (%s): advised once it has held for %s\n", t.Shape(a.Level.Health()), ui.Plain(a.Title), ui.Plain(a.ID), ui.Span(time.Duration(a.Hold)*time.Second))
		}
	}
	for i, a := range snoozed {
		if i == 0 {
			fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Strong, "Snoozed"))
		}
		note := ""
		if a.Snooze.Note != "" {
			note = ": " + ui.Plain(a.Snooze.Note)
		}
		fmt.Fprintf(w, "  %s %s (%s), by %s until %s%s\n", t.Shape(a.Level.Health()), ui.Plain(a.Title), ui.Plain(a.ID),
			ui.Plain(a.Snooze.Who), a.Snooze.Until.Local().Format(time.DateOnly), note)
	}
	if all {
		printRest(w, t, s)
	}
	advising, waiting, unsure := tally(s)
	text := fmt.Sprintf("%d rules: %d advise", s.Rules, advising)
	if waiting > 0 {
		text += fmt.Sprintf(", %d not for long yet", waiting)
	}
	text += fmt.Sprintf(", %d find nothing, %d cannot tell, %d disabled", len(s.Silent), unsure, len(s.Off))
	fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Faint, text))
	if !all && (unsure > 0 || len(young) > 0) {
		fmt.Fprintf(w, "%s\n", t.Paint(ui.Faint, "what they say: "+program+" advisor --all"))
	}
}

func printAdvice(w io.Writer, t ui.Theme, a policy.Advice) {
	fmt.Fprintf(w, "%s %s  %s\n", t.Shape(a.Level.Health())+" "+ui.Plain(string(a.Level))+":", t.Paint(ui.Strong, ui.Plain(a.Title)), t.Paint(ui.Faint, ui.Plain(a.ID)))
	if a.Detail != "" {
		fmt.Fprintf(w, "  %s\n", indent(a.Detail))
	}
	if a.Fix != "" {
		fmt.Fprintf(w, "  %s\n", indent(a.Fix))
	}
	var saw []string
	for _, s := range a.Saw {
		saw = append(saw, ui.Plain(s.Fact)+" = "+short(ui.Plain(s.Text)))
	}
	why := "since " + a.Since.Local().Format(time.DateTime)
	if len(saw) > 0 {
		why += "; " + strings.Join(saw, ", ")
	}
	fmt.Fprintf(w, "  %s\n", t.Paint(ui.Faint, why))
	if a.Unknown != "" {
		fmt.Fprintf(w, "  %s\n", t.Paint(ui.Faint, "whether it is still so cannot be told: "+ui.Plain(a.Unknown)+" is unknown ("+ui.Plain(a.Why)+")"))
	}
}

func printRest(w io.Writer, t ui.Theme, s policy.Standing) {
	for i, u := range s.Unsure {
		if i == 0 {
			fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Strong, "Cannot tell"))
		}
		fmt.Fprintf(w, "  %s %s: %s is unknown (%s)\n", t.Shape(health.Unknown), ui.Plain(u.ID), ui.Plain(u.Unknown), ui.Plain(u.Why))
	}
	for _, part := range []struct {
		title string
		list  []string
	}{{"Find nothing", s.Silent}, {"Disabled", s.Off}} {
		if len(part.list) > 0 {
			fmt.Fprintf(w, "\n%s\n  %s\n", t.Paint(ui.Strong, part.title), indent(ui.Wrap(ui.Plain(strings.Join(part.list, ", ")), 76)))
		}
	}
}

// tally counts the rules that advise, those that have not held for long enough
// yet, and those that cannot tell: each rule once, by the most that it says of
// any object.
func tally(s policy.Standing) (advising, waiting, unsure int) {
	counts := map[string]*int{}
	for _, u := range s.Unsure {
		counts[u.Rule] = &unsure
	}
	for _, a := range s.Advice {
		if !a.Raised {
			counts[a.Rule] = &waiting
		}
	}
	for _, a := range s.Advice {
		if a.Raised {
			counts[a.Rule] = &advising
		}
	}
	for _, n := range counts {
		*n++
	}
	return advising, waiting, unsure
}

func printExplained(w io.Writer, t ui.Theme, e Explained) {
	fmt.Fprintf(w, "%s  %s\n", t.Paint(ui.Strong, ui.Plain(e.ID)), t.Paint(ui.Faint, ui.Plain(string(e.Level))+", "+ui.Plain(e.Place)))
	if e.About != "" {
		fmt.Fprintf(w, "%s\n", ui.Wrap(ui.Plain(e.About), 78))
	}
	if !e.Enabled {
		fmt.Fprintln(w, "It is disabled.")
	}
	fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Strong, "When"))
	for line := range strings.Lines(strings.TrimSpace(e.When)) {
		fmt.Fprintf(w, "  %s\n", ui.Plain(strings.TrimRight(line, "\n")))
	}
	rows := [][]string{}
	if e.Each != "" {
		rows = append(rows, []string{"  for each", ui.Plain(e.Each)})
	}
	rows = append(rows, []string{"  has to hold", ui.Span(time.Duration(e.HoldSec) * time.Second)})
	io.WriteString(w, ui.Columns(rows))
	if len(e.Objects) == 0 {
		fmt.Fprintf(w, "\n%s nothing here for it to look at\n", t.Shape(health.Unknown))
	}
	for _, o := range e.Objects {
		fmt.Fprintln(w)
		printObject(w, t, e, o)
	}
	if len(e.Refs) > 0 {
		fmt.Fprintf(w, "\nSee: %s\n", ui.Plain(strings.Join(e.Refs, ", ")))
	}
}

func printObject(w io.Writer, t ui.Theme, e Explained, o Object) {
	name := "Now"
	if o.Object != "" {
		name = ui.Plain(o.Object)
	}
	switch o.Outcome {
	case policy.Fires:
		fmt.Fprintf(w, "%s: %s it is so: %s\n", name, t.Shape(e.Level.Health()), ui.Plain(o.Title))
	case policy.CannotTell:
		fmt.Fprintf(w, "%s: %s it cannot be told: %s is unknown (%s)\n", name, t.Shape(health.Unknown), ui.Plain(o.Unknown), ui.Plain(o.Why))
	default:
		fmt.Fprintf(w, "%s: %s it is not so\n", name, t.Shape(health.OK))
	}
	var rows [][]string
	for _, s := range o.Saw {
		rows = append(rows, []string{"  " + ui.Plain(s.Fact), short(ui.Plain(s.Text))})
	}
	io.WriteString(w, ui.Columns(rows))
	for _, text := range []string{o.Detail, o.Fix} {
		if text != "" {
			fmt.Fprintf(w, "  %s\n", indent(text))
		}
	}
}

// short cuts what is shown of one fact.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " ..."
}

// indent sets the lines after the first below it.
func indent(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = ui.Plain(line)
	}
	return strings.Join(lines, "\n  ")
}
