package policy

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printTrial(w io.Writer, t ui.Theme, trial policy.Trial) {
	if len(trial.Rules) == 0 {
		fmt.Fprintln(w, "no rule is in there: each begins with a line [[rule]]")
		return
	}
	for i, r := range trial.Rules {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printTried(w, t, r)
	}
}

func printTried(w io.Writer, t ui.Theme, r policy.Tried) {
	note := ui.Plain(string(r.Level))
	if r.Changes {
		note += ", changes a built-in rule"
	}
	if !r.Enabled {
		note += ", disabled"
	}
	fmt.Fprintf(w, "%s  %s\n", t.Paint(ui.Strong, ui.Plain(r.ID)), t.Paint(ui.Faint, note))
	if len(r.Verdicts) == 0 {
		fmt.Fprintf(w, "  %s nothing here for it to look at\n", t.Shape(health.Unknown))
	}
	silent := 0
	for _, v := range r.Verdicts {
		of := ""
		if v.Object != "" {
			of = " for " + ui.Plain(v.Object)
		}
		switch v.Outcome {
		case policy.Fires:
			fmt.Fprintf(w, "  %s fires now%s: %s\n", t.Shape(shape(r.Level)), of, ui.Plain(v.Title))
			for _, text := range []string{v.Detail, v.Fix} {
				if text != "" {
					fmt.Fprintf(w, "    %s\n", indent(text))
				}
			}
		case policy.CannotTell:
			fmt.Fprintf(w, "  %s cannot tell%s: %s is unknown (%s)\n", t.Shape(health.Unknown), of, ui.Plain(v.Unknown), ui.Plain(v.Why))
		default:
			silent++
		}
	}
	switch {
	case silent == 1 && len(r.Verdicts) == 1 && r.Verdicts[0].Object == "":
		fmt.Fprintf(w, "  %s silent now\n", t.Shape(health.OK))
	case silent > 0:
		fmt.Fprintf(w, "  %s silent now for %d of %d\n", t.Shape(health.OK), silent, len(r.Verdicts))
	}
	if r.Past != nil {
		printPast(w, t, *r.Past)
	}
	if len(r.Saw) > 0 {
		var rows [][]string
		for _, s := range r.Saw {
			rows = append(rows, []string{"    " + ui.Plain(s.Fact), ui.Plain(s.Text)})
		}
		fmt.Fprintln(w, "  by these facts:")
		io.WriteString(w, ui.Columns(rows))
	}
}

// mostSpells is how many times are shown.
const mostSpells = 5

func printPast(w io.Writer, t ui.Theme, p policy.Past) {
	ago := ui.Span(time.Since(p.From).Round(time.Minute))
	count := len(p.Fired) + p.More
	switch {
	case p.Known == 0 && p.Unknown != "":
		fmt.Fprintf(w, "  the last %s: cannot tell: %s: %s\n", ago, ui.Plain(p.Unknown), ui.Plain(p.Why))
		return
	case p.Known == 0:
		fmt.Fprintf(w, "  the last %s: cannot tell: %s\n", ago, ui.Plain(p.Why))
		return
	case count == 0:
		fmt.Fprintf(w, "  would not have fired in the last %s\n", ago)
	case count == 1:
		fmt.Fprintf(w, "  would have fired once in the last %s\n", ago)
	default:
		fmt.Fprintf(w, "  would have fired %d times in the last %s\n", count, ago)
	}
	var rows [][]string
	for _, s := range p.Fired[:min(len(p.Fired), mostSpells)] {
		lasted := "until now"
		if !s.Ended.IsZero() {
			lasted = "for " + ui.Span(s.Ended.Sub(s.Raised))
		}
		rows = append(rows, []string{"    " + s.Raised.Local().Format(time.DateTime), lasted, ui.Plain(s.Object)})
	}
	io.WriteString(w, ui.Columns(rows))
	if count > mostSpells {
		fmt.Fprintf(w, "    and %d more\n", count-mostSpells)
	}
	if p.Known < 0.995 {
		fmt.Fprintf(w, "    %s\n", t.Paint(ui.Faint, fmt.Sprintf("known for %.0f %% of that time", 100*p.Known)))
	}
	if len(p.Assumed) > 0 {
		assumed := slices.Clone(p.Assumed)
		fmt.Fprintf(w, "    %s\n", t.Paint(ui.Faint, "taken as now: "+ui.Plain(strings.Join(assumed, ", "))))
	}
}

// shape is the health level that a rule's level is shown as.
func shape(l policy.Level) health.Level { return l.Health() }

// indent sets the lines after the first below it.
func indent(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = ui.Plain(line)
	}
	return strings.Join(lines, "\n    ")
}
