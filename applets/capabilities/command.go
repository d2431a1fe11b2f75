package capabilities

import (
	"fmt"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "capabilities",
		Summary: "what the daemon can do on this machine, and why not more",
		About:   "Each module of the daemon is active, degraded (it does part of its work), disabled (switched off, or nothing here for it) or failed (it does nothing and tries again).",
		Examples: []console.Example{
			{Line: "annactl capabilities", Says: "the list"},
			{Line: "annactl capabilities --json | jq '.capabilities[] | select(.state != \"active\")'", Says: "what is not active"},
		},
		Calls: []string{"list_capabilities"},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	var l List
	if err := c.Call("list_capabilities", nil, &l); err != nil {
		return err
	}
	return c.Answer(l, func(w io.Writer) { print(w, c.Theme, l) })
}

// levels give a state its shape and colour.
var levels = map[capability.State]health.Level{
	capability.Active: health.OK, capability.Degraded: health.Warning,
	capability.Disabled: health.Unknown, capability.Failed: health.Critical,
}

func print(w io.Writer, t ui.Theme, l List) {
	var rows [][]string
	for _, r := range l.Capabilities {
		level, known := levels[r.State]
		if !known { // a newer daemon's word
			level = health.Unknown
		}
		text := r.Summary
		if r.Why != "" {
			text = r.Why
		}
		rows = append(rows, []string{t.Shape(level) + " " + ui.Plain(string(r.State)), ui.Plain(r.Module), ui.Plain(text)})
		if r.Do != "" {
			rows = append(rows, []string{"", "", t.Paint(ui.Faint, ui.Plain(r.Do))})
		}
	}
	io.WriteString(w, ui.Columns(rows))
	fmt.Fprintf(w, "\n%d active, %d degraded, %d disabled, %d failed\n", l.Counts.Active, l.Counts.Degraded, l.Counts.Disabled, l.Counts.Failed)
}
