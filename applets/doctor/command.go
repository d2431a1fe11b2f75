package doctor

import (
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

func commands() []*console.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "what is checked, and when it is bad"},
			&cli.BoolFlag{Name: "fix", Usage: "mend what anna knows how to mend, after asking"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "with --fix: do not ask"},
			&cli.BoolFlag{Name: "dry-run", Usage: "with --fix: only show what would be done"},
		}
	}
	exits := []int{console.ExitWarning, console.ExitCritical, console.ExitNoCheck}
	return []*console.Command{{
		Name:    "doctor",
		Summary: "every check, what is wrong, and what to do",
		About: `Every check there is: the daemon's about itself, and those that only a client can make, of the socket from outside, permissions, the time an answer takes, systemd's opinion and the state directory. They work, and say more, when the daemon is dead.

The exit status is the worst level; a finding that was acknowledged is shown and does not count.

--fix mends what is compiled in, by a check's name: a stale socket, mode and owner of the socket and the state directory, a unit that failed. It shows its plan and asks; off a terminal it needs --yes.`,
		Flags: flags(),
		Examples: []console.Example{
			{Line: "anna doctor", Says: "everything"},
			{Line: "sudo anna doctor --fix", Says: "and mend what can be mended"},
			{Line: "anna doctor --json | jq '.checks[] | select(.result != \"ok\")'", Says: "for a script"},
		},
		Exits: exits, Calls: []string{methodChecks}, Run: run,
		Sub: []*console.Command{{
			Name: "check", Args: "[NAME...]", MaxArgs: -1, ArgWords: names(),
			Summary: "only the checks named",
			Flags:   flags(),
			Examples: []console.Example{
				{Line: "anna doctor check memory queue", Says: "two of them"},
				{Line: "anna doctor check --list", Says: "their names"},
			},
			Exits: exits, Calls: []string{methodChecks}, Run: run,
		}, {
			Name: "ack", Args: "[ID]", MaxArgs: 1,
			Summary: "say that a finding is known",
			About:   "It stays visible, and is quiet and out of the exit status until the time is over or it gets worse. Saying it again replaces time and note. Without ID, what is known. For root and members of [access] control_group; everybody may look.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "for", Usage: "for how long: a `TIME` as 12h or 7d", Value: "7d"},
				&cli.StringFlag{Name: "note", Usage: "a `TEXT` for who reads it"},
				&cli.BoolFlag{Name: "undo", Usage: "take it back: it counts again"},
			},
			Examples: []console.Example{
				{Line: "sudo anna doctor ack executable --for 7d --note 'restart on Sunday'", Says: "for a week"},
				{Line: "anna doctor ack", Says: "what is known, to whom and until when"},
				{Line: "sudo anna doctor ack executable --undo", Says: "it counts again"},
			},
			Calls: []string{methodAck, methodChecks}, Run: runAck,
		}, preCommand(), postCommand(), {
			Name: "repair", Summary: "the old name of: doctor --fix", Hidden: true,
			Flags: flags(),
			Exits: exits, Calls: []string{methodChecks}, Run: func(c *console.Console) error { return runChecks(c, true) },
		}},
	}}
}

func run(c *console.Console) error { return runChecks(c, c.Bool("fix")) }

// runChecks makes the checks named; mends says that what can be mended is.
func runChecks(c *console.Console, mends bool) error {
	names, err := named(c)
	if err != nil {
		return err
	}
	if c.Bool("list") {
		return list(c, names)
	}
	switch {
	case !mends && (c.Bool("yes") || c.Bool("dry-run")):
		return console.Usagef("as in: anna doctor --fix --dry-run", "--yes and --dry-run belong to --fix")
	case mends && c.Private:
		return console.Usagef("see: "+c.Path()+" --help", "--fix and --standalone exclude each other")
	}
	e := examine(c)
	r := e.report(names)
	if mends {
		if err := mend(c, e, &r); err != nil {
			return err
		}
	}
	if err := c.Answer(r, func(w io.Writer) { print(w, c.Theme, r, c.Verbose) }); err != nil {
		return err
	}
	if status := r.exit(); status != 0 {
		return console.Status(status)
	}
	return nil
}

// exit is the worst level, or that nothing could be checked.
func (r Report) exit() int {
	if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Result.Result != health.Unknown }) {
		return console.ExitNoCheck
	}
	return r.Level.Exit()
}

// named are the checks asked for; none means all.
func named(c *console.Console) ([]string, error) {
	known := names()
	for _, name := range c.Args {
		if slices.Contains(known, name) {
			continue
		}
		hint := "list them: " + c.Program() + " doctor --list"
		if near := nearest.Of(name, known); near != "" {
			hint = "did you mean: " + c.Path() + " " + near
		}
		return nil, console.Usagef(hint, "there is no check %q", name)
	}
	return c.Args, nil
}

// names are those of every check.
func names() []string {
	var out []string
	for _, c := range table() {
		out = append(out, c.ID)
	}
	return out
}

// table is every check: the daemon's, then the client's.
func table() []health.Check { return slices.Concat(health.Checks, health.ClientChecks) }

// listed is a check as --list --json shows it.
type listed struct {
	ID       string `json:"id"`
	Group    string `json:"group"`
	Says     string `json:"says"`
	Warning  string `json:"warning,omitempty"`
	Critical string `json:"critical,omitempty"`
	Do       string `json:"do"`
}

func list(c *console.Console, names []string) error {
	rows := []listed{}
	for _, k := range table() {
		if len(names) == 0 || slices.Contains(names, k.ID) {
			rows = append(rows, listed{k.ID, k.Group, k.Says, k.Warn, k.Crit, k.Do})
		}
	}
	return c.Answer(struct {
		Checks []listed `json:"checks"`
	}{rows}, func(w io.Writer) { printList(w, c.Theme, rows) })
}
