package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Code is one code as --json prints it.
type Code struct {
	Code    rpc.Code `json:"code"`
	Number  int      `json:"number"` // JSON-RPC error number; 0: the client's own
	Exit    int      `json:"exit"`
	Retried string   `json:"retried"`
	Hint    string   `json:"hint"`
	Meaning string   `json:"meaning"`
	Steps   []string `json:"steps"`
}

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "explain",
		Args:    "[CODE]",
		Summary: "what an error code means, and what to do",
		About:   "Without a code every one is listed. A code's case does not matter.",
		Examples: []console.Example{
			{Line: "anna explain", Says: "every code"},
			{Line: "anna explain SocketNotFound", Says: "one code, with the next steps"},
		},
		MaxArgs: 1,
		Run:     run,
	}}
}

func run(c *console.Console) error {
	if len(c.Args) == 0 {
		var all []Code
		for _, row := range slices.Concat(rpc.Codes, console.OwnCodes) {
			all = append(all, code(row))
		}
		return c.Answer(struct {
			Codes []Code `json:"codes"`
		}{all}, func(w io.Writer) { list(w, all) })
	}
	want := c.Args[0]
	var names []string
	for _, row := range slices.Concat(rpc.Codes, console.OwnCodes) {
		names = append(names, string(row.Code))
		if strings.EqualFold(string(row.Code), want) {
			found := code(row)
			return c.Answer(found, func(w io.Writer) { page(w, c.Theme, found) })
		}
	}
	hint := "list them: " + c.Path()
	if near := nearest.Of(want, names); near != "" {
		hint = "did you mean: " + c.Path() + " " + near
	}
	return console.Usagef(hint, "no error code is called %q", want)
}

func code(row rpc.CodeRow) Code {
	return Code{row.Code, row.Number, row.Exit, row.Retry.String(), row.Hint, row.Meaning, row.Steps}
}

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
