package version

import (
	"fmt"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// Answer is what `anna version --json` prints. Daemon is null when none
// answers, and Error then says why: knowing the client's version needs none.
type Answer struct {
	Client version.Info `json:"client"`
	Daemon *Daemon      `json:"daemon"`
	Error  string       `json:"daemon_error,omitempty"`
}

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "version",
		Summary: "the versions of client and daemon",
		About:   "The client's version is its own; the daemon's is asked for. Without a daemon the client's is shown all the same.",
		Examples: []console.Example{
			{Line: "annactl version", Says: "both versions"},
			{Line: "annactl version --json | jq -r .daemon.version", Says: "the daemon's, for a script"},
		},
		Calls: []string{"get_version"},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	a := Answer{Client: version.Get()}
	var d Daemon
	if err := c.CallOnce("get_version", nil, &d); err != nil {
		if c.Context().Err() != nil {
			return err
		}
		a.Error = err.Error()
	} else {
		a.Daemon = &d
		c.SawVersion(d.Version, a.Client.Version)
	}
	return c.Answer(a, func(w io.Writer) {
		fmt.Fprintf(w, "client  %s, %s\n", a.Client, a.Client.Go)
		if a.Daemon == nil {
			fmt.Fprintf(w, "daemon  unknown: %s\n", ui.Plain(a.Error))
			return
		}
		fmt.Fprintf(w, "daemon  %s, %s, pid %d\n", ui.Plain(d.String()), ui.Plain(d.Go), d.PID)
	})
}
