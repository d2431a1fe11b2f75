package help

import "github.com/jjgarcianorway/anna-assistant/anna/console"

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "help",
		Args:    "[COMMAND...]",
		Summary: "help for a command",
		About:   "The same as COMMAND --help. The manual says the same at length: anna manual lists its pages, for where they are not installed.",
		Examples: []console.Example{
			{Line: "anna help health", Says: "help for one command"},
			{Line: "anna manual annactl-health.1 | man -l -", Says: "its manual page"},
		},
		MaxArgs: -1,
		Run:     func(c *console.Console) error { return c.PrintHelp(c.Args) },
	}, {
		Name:    "manual", // what the packages are made with
		Args:    "[PAGE]",
		Summary: "the pages of the manual, or the source of one",
		MaxArgs: 1,
		Hidden:  true,
		Run:     printManual,
	}}
}
