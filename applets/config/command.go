package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "config",
		Summary: "check, show and compare the configuration",
		Sub: []*console.Command{
			{
				Name: "validate", Args: "[FILE]", MaxArgs: 1,
				Summary: "find every problem of a configuration, without a daemon",
				About:   "Every problem at once, with its line, what is allowed and what was probably meant. Without FILE it is /etc/anna/config.toml and its policies. Nothing is changed.",
				Examples: []console.Example{
					{Line: "annactl config validate", Says: "the system's"},
					{Line: "annactl config validate ./config.toml --json", Says: "another file, for a script"},
				},
				Exits: []int{console.ExitConfig},
				Run:   validate,
			},
			{
				Name: "show", Summary: "every key's value that holds",
				About: "What the running daemon has; without one, what a daemon started now would have.",
				Flags: []cli.Flag{&cli.BoolFlag{Name: "origin", Usage: "say where each value comes from: default, or file and line"}},
				Examples: []console.Example{
					{Line: "annactl config show --origin", Says: "values and where they come from"},
				},
				Calls: []string{methodGet},
				Run:   show,
			},
			{
				Name: "diff", Args: "[FILE]", MaxArgs: 1,
				Summary:  "what a reload would change",
				About:    "Compares what holds in the running daemon with the file on disk, or with FILE.",
				Examples: []console.Example{{Line: "annactl config diff", Says: "before a reload"}},
				Exits:    []int{console.ExitConfig},
				Calls:    []string{methodGet},
				Run:      diff,
			},
			{
				Name: "history", Summary: "what was loaded when, by whom, and how it ended",
				About: "Every attempt to load a configuration has a receipt, also a rejected one. With --show a stored configuration is printed as it was: redirected into the file it is the way back.",
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "limit", Aliases: []string{"l"}, Usage: "at most `N`, the newest", Value: 20},
					&cli.StringFlag{Name: "show", Usage: "print the configuration of `GENERATION`"},
					&cli.StringFlag{Name: "attempt", Usage: "print what attempt `N` read, also where it was rejected"},
				},
				Examples: []console.Example{
					{Line: "annactl config history", Says: "the receipts"},
					{Line: "sudo annactl config history --show 3 > config.toml", Says: "the way back"},
					{Line: "sudo annactl config history --attempt 7", Says: "a rejected one, for inspection"},
				},
				Calls: []string{methodList, methodShow},
				Run:   history,
			},
		},
	}}
}

func fileOr(c *console.Console, other string) string {
	if len(c.Args) > 0 {
		return c.Args[0]
	}
	return other
}

// Verdict is what `config validate --json` prints.
type Verdict struct {
	Valid bool `json:"valid"`
	config.Report
}

func validate(c *console.Console) error {
	path := fileOr(c, config.DefaultPath)
	_, report := policy.LoadConfig(path)
	if len(c.Args) > 0 && report.Missing {
		return &console.Hinted{Err: fmt.Errorf("cannot check %s: there is no such file", path), Hint: "Name the file, or none for " + config.DefaultPath}
	}
	if report.Problems == nil {
		report.Problems = []config.Problem{}
	}
	if c.JSON {
		if err := c.PrintJSON(Verdict{report.OK(), report}); err != nil {
			return err
		}
		if !report.OK() {
			return console.Status(console.ExitConfig)
		}
		return nil
	}
	if err := report.Err(); err != nil {
		return err
	}
	if err := report.Write(c.Err); err != nil {
		return err
	}
	text := "valid"
	if report.Missing {
		text = "no such file: the defaults hold"
	}
	if n := len(report.Warnings()); n > 0 {
		text += fmt.Sprintf(", with %d to mend", n)
	}
	_, err := fmt.Fprintf(c.Out, "%s: %s\n", report.Path, text)
	return err
}

func show(c *console.Console) error {
	var e Effective
	err := c.CallOnce(methodGet, nil, &e)
	if nobody(err) {
		cfg, report := policy.LoadConfig(config.DefaultPath)
		if cfg == nil {
			return report.Err()
		}
		c.Say("no daemon answers; this is what one started now would have")
		e, err = effective(cfg), nil
	}
	if err != nil {
		return err
	}
	return c.Answer(e, func(w io.Writer) { printEffective(w, c.Theme, e, c.Bool("origin")) })
}

// nobody reports whether no daemon is there to ask.
func nobody(err error) bool {
	var e *rpc.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case rpc.SocketNotFound, rpc.ConnectionRefused, rpc.DaemonCrashed:
		return true
	}
	return false
}

// Difference is what `config diff --json` prints.
type Difference struct {
	Path       string          `json:"path"`
	Generation uint64          `json:"generation"` // that is compared with
	Changes    []config.Change `json:"changes"`
}

func diff(c *console.Console) error {
	var running Effective
	if err := c.Call(methodGet, nil, &running); err != nil {
		return err
	}
	path := fileOr(c, running.Path)
	next, report := policy.LoadConfig(path)
	switch {
	case next == nil:
		return report.Err()
	case len(c.Args) > 0 && report.Missing:
		return fmt.Errorf("cannot compare with %s: there is no such file", path)
	}
	d := Difference{Path: path, Generation: running.Generation, Changes: differences(running, effective(next))}
	return c.Answer(d, func(w io.Writer) { printDiff(w, c.Theme, d) })
}

// differences lists what another configuration would change. Two ways of
// writing one value are none, and what the daemon's command line set, a reload
// does not touch.
func differences(running, next Effective) []config.Change {
	list := []config.Change{}
	for _, v := range running.Keys {
		after, known := next.find(v.Key)
		if known && !same(v.Value, after.Value) && !strings.HasPrefix(v.Origin, "--") {
			list = append(list, config.Change{Key: v.Key, Before: v.Text, After: after.Text, Class: v.Class})
		}
	}
	before, after := digests(running), digests(next)
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		if before[name] != after[name] {
			list = append(list, config.Change{Key: name, Before: before[name], After: after[name], Class: config.Live})
		}
	}
	return list
}

// same compares values of which one has crossed the socket.
func same(x, y any) bool {
	a, errA := json.Marshal(x)
	b, errB := json.Marshal(y)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func digests(e Effective) map[string]string {
	m := map[string]string{}
	for _, p := range e.Policies {
		m[p.Name] = p.Digest
	}
	return m
}

func union(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

func history(c *console.Console) error {
	if c.IsSet("show") && c.IsSet("attempt") {
		return console.Usagef("as in: "+c.Path()+" --show 3", "flags --show and --attempt exclude each other")
	}
	for flag, what := range map[string]string{"show": "a generation", "attempt": "an attempt"} {
		if !c.IsSet(flag) {
			continue
		}
		n, err := strconv.ParseInt(c.String(flag), 10, 64)
		if err != nil || n < 1 {
			return console.Usagef("as in: "+c.Path()+" --"+flag+" 3", "flag --%s needs the number of %s, not %q", flag, what, c.String(flag))
		}
		p := ShowParams{ID: n}
		if flag == "show" {
			p = ShowParams{Generation: uint64(n)}
		}
		var s Stored
		if err := c.Call(methodShow, p, &s); err != nil {
			return err
		}
		if s.Config == "" && !c.JSON {
			c.Say("there was no %s, or nothing in it: the defaults held", cmp.Or(s.Receipt.Path, config.DefaultPath))
		}
		return c.Answer(s, func(w io.Writer) { io.WriteString(w, s.Config) })
	}
	limit := c.Int("limit")
	if limit < 1 || limit > MaxList {
		return console.Usagef("see: "+c.Path()+" --help", "flag --limit needs a number from 1 to %d", MaxList)
	}
	var h History
	if err := c.Call(methodList, ListParams{Limit: limit}, &h); err != nil {
		return err
	}
	return c.Answer(h, func(w io.Writer) { printHistory(w, c.Theme, h) })
}
