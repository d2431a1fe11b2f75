package advisor

import (
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func commands() []*console.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "also what cannot be told, what finds nothing, and what is disabled"},
			&cli.StringFlag{Name: "explain", Usage: "what a rule checks, the facts that it saw, and the rule: its `ID`"},
		}
	}
	return []*console.Command{{
		Name:    "advisor",
		Summary: "what to do about this machine, and why",
		About: `Advice by urgency, each with the facts that it goes by and the next step. It is a rule's, built in or of /etc/anna/policies.d, and is there for as long as it is so. What is not known is no reason for advice: it is counted, and --all shows it.

Nothing of what is advised is ever run by anna.`,
		Flags: flags(),
		Examples: []console.Example{
			{Line: "anna advisor", Says: "what there is to do"},
			{Line: "anna advisor --all", Says: "and what every rule says"},
			{Line: "anna advisor --explain low_space", Says: "one rule"},
			{Line: "anna advisor --json | jq '.advice[] | .title'", Says: "for a script"},
		},
		Calls: []string{methodList, methodExplain}, Run: run,
		Sub: []*console.Command{{
			Name: "arch", Summary: "the old name of it: the same advice",
			Flags:    flags(),
			Examples: []console.Example{{Line: "annactl advisor arch", Says: "what annactl advisor says"}},
			Calls:    []string{methodList, methodExplain}, Run: run,
		}, {
			Name: "snooze", Args: "ID", MinArgs: 1, MaxArgs: 1,
			Summary: "say that advice is known",
			About:   "It stays visible, below the rest, until the time is over. --for 0 takes it back. For root and members of [access] control_group.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "for", Usage: "for how long: a `TIME` as 12h or 30d", Value: "30d"},
				&cli.StringFlag{Name: "note", Usage: "a `TEXT` for who reads it"},
			},
			Examples: []console.Example{{Line: "sudo anna advisor snooze low_space:/home --for 7d --note 'new disk is ordered'", Says: "for a week"}},
			Calls:    []string{methodSnooze}, Run: snooze,
		}},
	}}
}

func run(c *console.Console) error {
	if id := c.String("explain"); c.IsSet("explain") {
		var e Explained
		if err := c.Call(methodExplain, ExplainParams{ID: id}, &e); err != nil {
			return err
		}
		return c.Answer(e, func(w io.Writer) { printExplained(w, c.Theme, e) })
	}
	var s policy.Standing
	if err := c.Call(methodList, nil, &s); err != nil {
		return err
	}
	return c.Answer(s, func(w io.Writer) { printStanding(w, c.Theme, s, c.Bool("all"), c.Program()) })
}

func snooze(c *console.Console) error {
	span, err := config.ParseDuration(c.String("for"))
	if err != nil && c.String("for") != "0" {
		return console.Usagef("as in: "+c.Path()+" ID --for 7d", "flag --for needs a time, not %q", c.String("for"))
	}
	var out Snoozed
	// A part of a second is a time as well; 0 alone takes the word back.
	seconds := int64((span + time.Second - 1) / time.Second)
	p := SnoozeParams{ID: c.Args[0], ForSec: seconds, Note: c.String("note")}
	if err := c.Call(methodSnooze, p, &out); err != nil {
		return err
	}
	return c.Answer(out, func(w io.Writer) {
		if out.Until == nil {
			fmt.Fprintf(w, "%s counts again\n", ui.Plain(out.ID))
			return
		}
		fmt.Fprintf(w, "%s is snoozed until %s\n", ui.Plain(out.ID), out.Until.Local().Format(time.DateTime))
	})
}
