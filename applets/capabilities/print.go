package capabilities

import (
	"fmt"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

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
