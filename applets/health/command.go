package health

import (
	"errors"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "health",
		Summary: "how the daemon is: latency, memory, queue, capabilities",
		About: `One calm screen: the level, how fast the daemon answers, what memory it uses against the limit that counts, and what is wrong, if anything.

A figure that cannot be had is shown as unknown, with the reason. The exit status tells the level. --watch goes on until Ctrl-C, which ends it with 0, and waits for a daemon that went away.`,
		Examples: []console.Example{
			{Line: "annactl health", Says: "the screen"},
			{Line: "annactl health --json | jq .rpc_latency_ms.p99", Says: "one figure, for a script"},
			{Line: "annactl health --watch --json", Says: "one object a line, every second"},
			{Line: "anna health --standalone", Says: "without a running daemon"},
		},
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "again and again, until Ctrl-C"},
			&cli.DurationFlag{Name: "interval", Usage: "with --watch, every `TIME`", Value: time.Second},
		},
		Exits: []int{console.ExitWarning, console.ExitCritical},
		Calls: []string{methodMetrics, methodHistory, methodFollow, methodListEvents, methodFollowEvents, methodListCapabilities},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	if c.Private {
		warmUp(c)
	}
	if c.Bool("watch") {
		return watch(c)
	}
	m, err := show(c, Params{}, c.Call, "")
	if err != nil {
		return err
	}
	if status := m.Level.Exit(); status != 0 {
		return console.Status(status)
	}
	return nil
}

// show asks in one of the two ways of calling, and prints, below what parts it
// from the answer before.
func show(c *console.Console, p Params, call func(method string, params, result any) error, parted string) (Metrics, error) {
	var m Metrics
	if err := call(methodMetrics, p, &m); err != nil {
		return m, err
	}
	c.SawVersion(m.Version, version.Number)
	return m, c.Answer(m, func(w io.Writer) {
		io.WriteString(w, parted)
		print(w, c.Theme, m, c.Verbose)
	})
}

// leastInterval keeps a slip of the keyboard from making work of watching.
const leastInterval = 100 * time.Millisecond

// watch shows the figures again and again. What watches changes none of them. A
// daemon that went away is waited for; Ctrl-C is how one leaves.
func watch(c *console.Console) error {
	interval := c.Duration("interval")
	if interval < leastInterval {
		return console.Usagef("as in: --interval 2s", "flag --interval needs at least %s", leastInterval)
	}
	if onTerminal(c) {
		err := dashboard(c, interval)
		if !errors.Is(err, dash.ErrNoTerminal) {
			return err
		}
		c.Say("%s; plain text instead", err)
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	call, parted := c.Call, ""
	for lost := false; ; {
		c.Renew()
		_, err := show(c, Params{watching}, call, parted)
		var failed *rpc.Error
		switch {
		case c.Context().Err() != nil:
			return nil
		case errors.As(err, &failed) && parted != "" && away(failed.Code):
			if !lost { // said once; from here on the ticks are the tries
				c.Say("%s; waiting for the daemon", failed.Message)
				lost, call = true, c.CallOnce
			}
		case err != nil:
			return err
		case lost:
			c.Say("the daemon answers again")
			lost, call = false, c.Call
		}
		if err == nil {
			parted = "\n"
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

// away reports whether a daemon that was there may come back.
func away(code rpc.Code) bool {
	switch code {
	case rpc.SocketNotFound, rpc.ConnectionRefused, rpc.DaemonCrashed, rpc.ConnectionReset, rpc.ConnectTimeout, rpc.ReadTimeout, rpc.Busy:
		return true
	}
	return false
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
