package explain

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
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

// Finding is a finding as --json prints it.
type Finding struct {
	ID       string `json:"finding"`
	Title    string `json:"title"`
	Says     string `json:"says"`
	Warning  string `json:"warning_when"`
	Critical string `json:"critical_when"`
	Do       string `json:"do"`
}

// Gone is a command of v0.12.6 that is not here, as --json prints it.
type Gone struct {
	Command string `json:"command"`
	Instead string `json:"instead"`
}

func commands() []*console.Command {
	return []*console.Command{{
		Name: "explain",
		Args: "[CODE]", ArgWords: names(),
		Summary: "what an error code or a finding means, and what to do",
		About:   "Without a code every error code is listed; the findings are listed by: doctor --list; advice is explained by: advisor --explain ID. Case does not matter.",
		Examples: []console.Example{
			{Line: "anna explain", Says: "every code"},
			{Line: "anna explain SocketNotFound", Says: "one code, with the next steps"},
			{Line: "anna explain rpc_latency", Says: "a finding of the daemon"},
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
	for _, row := range slices.Concat(rpc.Codes, console.OwnCodes) {
		if strings.EqualFold(string(row.Code), want) {
			found := code(row)
			return c.Answer(found, func(w io.Writer) { page(w, c.Theme, found) })
		}
	}
	for _, check := range slices.Concat(health.Checks, health.ClientChecks) {
		if strings.EqualFold(check.ID, want) {
			found := Finding{check.ID, check.Title, check.Says, check.Warn, check.Crit, check.Do}
			return c.Answer(found, func(w io.Writer) { finding(w, c.Theme, found) })
		}
	}
	for _, command := range c.Tree() {
		if command.Instead != "" && strings.EqualFold(command.Name, want) {
			gone := Gone{command.Name, command.Instead}
			return c.Answer(gone, func(w io.Writer) {
				fmt.Fprintf(w, "%s of v0.12.6 is not here; %s\n", gone.Command, gone.Instead)
			})
		}
	}
	if rule := policy.Builtin().Find(policy.RuleOf(want)); rule != nil {
		return console.Usagef("see: "+c.Program()+" advisor --explain "+want, "%s is advice, no error code or finding", want)
	}
	hint := "list them: " + c.Path()
	if near := nearest.Of(want, names()); near != "" {
		hint = "did you mean: " + c.Path() + " " + near
	}
	return console.Usagef(hint, "no error code or finding is called %q", want)
}

// names are all that can be explained.
func names() []string {
	var out []string
	for _, row := range slices.Concat(rpc.Codes, console.OwnCodes) {
		out = append(out, string(row.Code))
	}
	for _, check := range slices.Concat(health.Checks, health.ClientChecks) {
		out = append(out, check.ID)
	}
	return out
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
