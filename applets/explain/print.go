package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func list(w io.Writer, all []Code) {
	rows := [][]string{{"CODE", "EXIT", "WHAT TO DO"}}
	for _, c := range all {
		rows = append(rows, []string{string(c.Code), fmt.Sprint(c.Exit), c.Hint})
	}
	io.WriteString(w, ui.Columns(rows))
}

func page(w io.Writer, t ui.Theme, c Code) {
	fmt.Fprintf(w, "%s\n\n%s\n\n  %s\n\n", t.Paint(ui.Strong, string(c.Code)), ui.Wrap(c.Meaning, 78), c.Hint)
	rows := [][]string{{"  exit status", fmt.Sprint(c.Exit)}, {"  tried again", c.Retried}}
	if c.Number != 0 {
		rows = append(rows, []string{"  JSON-RPC number", fmt.Sprint(c.Number)})
	}
	io.WriteString(w, ui.Columns(rows))
	io.WriteString(w, "\nNext steps:\n")
	rows = nil
	for _, s := range c.Steps {
		command, says, ok := strings.Cut(s, " #")
		row := []string{"  " + strings.TrimRight(command, " ")}
		if ok {
			row = append(row, "#"+says)
		}
		rows = append(rows, row)
	}
	io.WriteString(w, ui.Columns(rows))
}

func finding(w io.Writer, t ui.Theme, f Finding) {
	bare := func(text string) string { return strings.ReplaceAll(text, "`", "") } // the table is written for a page
	f.Says, f.Warning, f.Critical, f.Do = bare(f.Says), bare(f.Warning), bare(f.Critical), bare(f.Do)
	fmt.Fprintf(w, "%s: %s\n\n%s\n\n", t.Paint(ui.Strong, f.ID), f.Title, ui.Wrap(f.Says, 78))
	var rows [][]string
	if f.Warning != "" {
		rows = append(rows, []string{"  warning", f.Warning})
	}
	if f.Critical != "" {
		rows = append(rows, []string{"  critical", f.Critical})
	}
	io.WriteString(w, ui.Columns(rows))
	fmt.Fprintf(w, "\nNext step:\n  %s\n", f.Do)
}
