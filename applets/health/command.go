package health

import (
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "health",
		Summary: "how the daemon is: latency, memory, queue, capabilities",
		About: `One calm screen: the level, how fast the daemon answers, what memory it uses against the limit that counts, and what is wrong, if anything.

A figure that cannot be had is shown as unknown, with the reason. The exit status tells the level.`,
		Examples: []console.Example{
			{Line: "annactl health", Says: "the screen"},
			{Line: "annactl health --json | jq .rpc_latency_ms.p99", Says: "one figure, for a script"},
			{Line: "anna health --standalone", Says: "without a running daemon"},
		},
		Exits: []int{console.ExitWarning, console.ExitCritical},
		Calls: []string{methodMetrics},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	var m Metrics
	if c.Private {
		warmUp(c)
	}
	if err := c.Call(methodMetrics, nil, &m); err != nil {
		return err
	}
	c.SawVersion(m.Version, version.Number)
	if err := c.Answer(m, func(w io.Writer) { print(w, c.Theme, m, c.Verbose) }); err != nil {
		return err
	}
	if status := m.Level.Exit(); status != 0 {
		return console.Status(status)
	}
	return nil
}

// warmUp gives a daemon that has just begun something to measure: without a
// request it has no latency to show.
func warmUp(c *console.Console) {
	for range 5 {
		if err := c.Call("get_version", nil, nil); err != nil {
			return // the call that counts will say why
		}
	}
}
