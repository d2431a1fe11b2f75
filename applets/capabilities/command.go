package capabilities

import (
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "capabilities",
		Summary: "what the daemon can do on this machine, and why not more",
		About:   "Each module of the daemon is active, degraded (it does part of its work), disabled (switched off, or nothing here for it) or failed (it does nothing and tries again).",
		Examples: []console.Example{
			{Line: "annactl capabilities", Says: "the list"},
			{Line: "annactl capabilities --json | jq '.capabilities[] | select(.state != \"active\")'", Says: "what is not active"},
		},
		Calls: []string{"list_capabilities"},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	var l List
	if err := c.Call("list_capabilities", nil, &l); err != nil {
		return err
	}
	return c.Answer(l, func(w io.Writer) { print(w, c.Theme, l) })
}
