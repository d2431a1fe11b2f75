package reload

import (
	"fmt"
	"io"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// print shows a receipt: what changed, and what that did to the daemon.
func print(w io.Writer, t ui.Theme, r config.Receipt) {
	switch r.Outcome {
	case config.Unchanged:
		fmt.Fprintf(w, "unchanged: %s says what already holds (generation %d)\n", ui.Plain(r.Path), r.Generation)
	case config.Applied:
		fmt.Fprintf(w, "applied in %s: generation %d\n", ui.Millis(r.DurationMS), r.Generation)
	default:
		fmt.Fprintf(w, "%s (generation %d holds)\n", ui.Plain(string(r.Outcome)), r.Generation)
	}
	if len(r.Changes) > 0 {
		fmt.Fprintln(w)
		rows := make([][]string, len(r.Changes))
		for i, c := range r.Changes {
			class := ""
			if c.Class == config.Restart {
				class = t.Paint(ui.Warn, "after a restart")
			}
			rows[i] = []string{"  " + ui.Plain(c.Key), value(c.Before), t.Arrow(), value(c.After), class}
		}
		io.WriteString(w, ui.Columns(rows))
	}
	if len(r.Waiting) > 0 {
		names := make([]string, len(r.Waiting))
		for i, c := range r.Waiting {
			names[i] = ui.Plain(c.Key)
		}
		fmt.Fprintf(w, "\nholds after a restart (sudo systemctl restart annad): %s\n", strings.Join(names, ", "))
	}
	if r.Before != nil && r.After != nil {
		fmt.Fprintf(w, "\n  health %s %s %s, memory %s %s %s, p99 %s %s %s, modules %d %s %d, events waiting %d %s %d\n",
			ui.Plain(r.Before.Level), t.Arrow(), ui.Plain(r.After.Level), memory(r.Before.MemoryMB), t.Arrow(), memory(r.After.MemoryMB),
			latency(r.Before.RPCP99MS), t.Arrow(), latency(r.After.RPCP99MS),
			r.Before.Modules, t.Arrow(), r.After.Modules, r.Before.QueueWait, t.Arrow(), r.After.QueueWait)
	}
}

func latency(ms *float64) string {
	if ms == nil {
		return "unknown"
	}
	return ui.Millis(*ms)
}

func value(s string) string {
	if s == "" {
		return "(none)"
	}
	return ui.Plain(s)
}

func memory(mb *float64) string {
	if mb == nil {
		return "unknown"
	}
	return ui.MB(*mb)
}
