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
