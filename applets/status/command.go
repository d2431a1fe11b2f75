package status

import (
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// figures is what the screen shows of get_health_metrics.
type figures struct {
	Level    health.Level     `json:"level"`
	Findings []health.Finding `json:"findings"`
}

// Answer is what `anna status --json` prints.
type Answer struct {
	Level    health.Level     `json:"level"`
	Daemon   Status           `json:"daemon"`
	Findings []health.Finding `json:"findings"`
}

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "status",
		Summary: "the first look: daemon, level, what is wrong, what changed last",
		About:   "Which daemon answers, since when, with which configuration, how it is, the worst that is wrong, and what changed last in each domain. For the figures behind it: health; for all that happened: events.",
		Examples: []console.Example{
			{Line: "annactl status", Says: "the screen"},
			{Line: "annactl status --json", Says: "for a script"},
		},
		Calls: []string{"get_status", "get_health_metrics"},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	var a Answer
	var f figures
	if err := c.Call("get_status", nil, &a.Daemon); err != nil {
		return err
	}
	if err := c.Call("get_health_metrics", map[string]bool{"observer": true}, &f); err != nil {
		return err
	}
	a.Level, a.Findings = f.Level, f.Findings
	c.SawVersion(a.Daemon.Version, version.Number)
	return c.Answer(a, func(w io.Writer) { print(w, c.Theme, a) })
}
