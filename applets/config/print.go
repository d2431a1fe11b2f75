package config

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// printEffective writes TOML, so that what is shown can be kept as a file.
func printEffective(w io.Writer, t ui.Theme, e Effective, origin bool) {
	section := ""
	for _, v := range e.Keys {
		s, name, _ := strings.Cut(v.Key, ".")
		if s != section {
			if section != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "[%s]\n", ui.Plain(s))
			section = s
		}
		line := ui.Plain(name) + " = " + ui.Plain(v.Text)
		if origin {
			line += t.Paint(ui.Faint, "  # "+ui.Plain(v.Origin))
		}
		fmt.Fprintln(w, line)
	}
	if len(e.Waiting) > 0 {
		fmt.Fprintf(w, "\n# %d of these hold only after a restart: sudo systemctl restart annad\n", len(e.Waiting))
	}
}

func printDiff(w io.Writer, t ui.Theme, d Difference) {
	if len(d.Changes) == 0 {
		fmt.Fprintf(w, "%s says what holds (generation %d)\n", ui.Plain(d.Path), d.Generation)
		return
	}
	var rows [][]string
	for _, c := range d.Changes {
		class := ""
		if c.Class == config.Restart {
			class = t.Paint(ui.Warn, "after a restart")
		}
		rows = append(rows, []string{ui.Plain(c.Key), ui.Plain(c.Before), t.Arrow(), ui.Plain(c.After), class})
	}
	io.WriteString(w, ui.Columns(rows))
}

func printHistory(w io.Writer, t ui.Theme, h History) {
	if len(h.Receipts) == 0 {
		fmt.Fprintln(w, "no configuration was loaded yet, or its history is not stored")
		return
	}
	if h.Omitted > 0 {
		fmt.Fprintf(w, "%d older ones are left out: the answer would be too long\n", h.Omitted)
	}
	rows := [][]string{{"GENERATION", "ATTEMPT", "WHEN", "BY", "OUTCOME", ""}}
	for _, r := range h.Receipts {
		by := r.Origin
		if r.UID != nil {
			by += fmt.Sprintf(" (user %d)", *r.UID)
		}
		outcome := ui.Plain(string(r.Outcome))
		if r.Outcome == config.Rejected || r.Outcome == config.Restored {
			outcome = t.Paint(ui.Bad, outcome)
		}
		rows = append(rows, []string{
			fmt.Sprint(r.Generation), fmt.Sprint(r.ID), r.Time.Local().Format(time.DateTime), ui.Plain(by), outcome, summary(r),
		})
	}
	io.WriteString(w, ui.Columns(rows))
}

// summary is what a receipt says in a few words.
func summary(r config.Receipt) string {
	switch {
	case len(r.Problems) > 0 && r.Outcome == config.Rejected:
		return ui.Plain(r.Problems[0].Error())
	case len(r.Changes) == 1:
		return ui.Plain(r.Changes[0].Key)
	case len(r.Changes) > 1:
		return fmt.Sprintf("%s and %d more", ui.Plain(r.Changes[0].Key), len(r.Changes)-1)
	}
	return ""
}
