package reload

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "reload",
		Summary: "load the configuration anew, without a restart",
		About: `The daemon reads its files once, checks all of it, and only then changes anything: a configuration with an error leaves the running one as it is, everywhere. Connections, histories, the queue and the uptime stay.

It waits for its own reload, and shows what changed and what needs a restart to hold.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "signal", Usage: "ask with SIGHUP instead of over the socket"},
		},
		Examples: []console.Example{
			{Line: "sudo annactl reload", Says: "apply what is on disk"},
			{Line: "annactl config validate && sudo annactl reload", Says: "look before"},
			{Line: "sudo annactl reload --json | jq .changes", Says: "for a script"},
		},
		Exits: []int{console.ExitConfig},
		Calls: []string{methodReload, methodLast},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	var rec config.Receipt
	var err error
	if c.Bool("signal") {
		if c.Private { // its daemon is this process
			return console.Usagef("see: "+c.Path()+" --help", "--signal and --standalone exclude each other")
		}
		rec, err = bySignal(c)
	} else {
		err = c.Call(methodReload, nil, &rec)
	}
	var e *rpc.Error
	if errors.As(err, &e) && e.Code == rpc.ConfigInvalid && !c.JSON {
		var rejected config.Receipt
		if json.Unmarshal(e.Details, &rejected) == nil {
			config.Report{Problems: rejected.Problems, Path: rejected.Path}.Write(c.Err)
		}
	}
	if errors.As(err, &e) && e.Code == rpc.NotAuthorized {
		return &console.Hinted{Err: err, Hint: "Run: sudo " + c.Path() + " (or have root put you into the group of [access] control_group, which annactl config show names)"}
	}
	if err != nil {
		return err
	}
	return c.Answer(rec, func(w io.Writer) { print(w, c.Theme, rec) })
}
