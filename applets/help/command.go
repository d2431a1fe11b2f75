package help

import "github.com/jjgarcianorway/anna-assistant/anna/console"

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "help",
		Args:    "[COMMAND...]",
		Summary: "help for a command",
		About:   "The same as COMMAND --help.",
		Examples: []console.Example{
			{Line: "anna help health", Says: "help for one command"},
		},
		MaxArgs: -1,
		Run:     func(c *console.Console) error { return c.PrintHelp(c.Args) },
	}}
}
