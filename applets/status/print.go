package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func print(w io.Writer, t ui.Theme, a Answer) {
	d := a.Daemon
	configuration := ui.Plain(d.Config.Path)
	if d.Config.Missing {
		configuration += " (no such file: the defaults hold)"
	}
	fmt.Fprintf(w, "%s%sannad %s\n\n", t.Level(a.Level), t.Dot(), ui.Plain(d.Version))
	io.WriteString(w, ui.Columns([][]string{
		{"  running", fmt.Sprintf("pid %d, since %s (%s)", d.PID, d.Started.Local().Format(time.DateTime), ui.Span(time.Duration(d.UptimeSec)*time.Second))},
		{"  socket", ui.Plain(d.Socket)},
		{"  configuration", configuration},
		{"  requests", fmt.Sprint(d.Requests)},
	}))
	if len(a.Findings) > 0 {
		io.WriteString(w, "\n")
	}
	for _, f := range a.Findings {
		fmt.Fprintf(w, "%s  %s: %s\n", t.Shape(f.Level), ui.Plain(f.Title), ui.Plain(f.Detail))
	}
	printLast(w, t, d.Last)
}

// printLast shows what changed last, one line a domain.
func printLast(w io.Writer, t ui.Theme, last []Change) {
	if len(last) == 0 {
		return
	}
	fmt.Fprintf(w, "\nLast changes:\n")
	var rows [][]string
	for _, c := range last {
		text := ui.Plain(c.Subject) + " " + ui.Plain(strings.ReplaceAll(c.Kind, "_", " "))
		if c.Detail != "" {
			text += t.Dot() + ui.Plain(c.Detail)
		}
		if c.Others > 0 {
			text += fmt.Sprintf("%sand %d more", t.Dot(), c.Others)
		}
		if c.CatchUp {
			text += t.Dot() + t.Paint(ui.Faint, "while annad was down")
		}
		rows = append(rows, []string{"  " + ui.Plain(c.Domain), c.Time.Local().Format(time.DateTime), text})
	}
	io.WriteString(w, ui.Columns(rows))
}
