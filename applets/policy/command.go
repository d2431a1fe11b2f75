package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "policy",
		Summary: "try rules before they are in force",
		Sub: []*console.Command{{
			Name: "test", Args: "FILE...", MinArgs: 1, MaxArgs: maxFiles,
			Summary: "what the rules of a file find now, and would have found",
			About: `Checks the rules of FILE and judges them by this machine as the daemon sees it now, and by what it stored of the last week: when each would have been raised. Nothing is changed, and nothing that a rule says is run.

With --facts they are judged by a file that "anna facts --json" wrote, here or elsewhere; no daemon is needed then, and there is no past.`,
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "facts", Usage: "judge by the facts in `FILE`, not by this machine"},
				&cli.StringFlag{Name: "since", Usage: "how far to look back: a `TIME` up to 30d, 0 for not at all", Value: "7d"},
			},
			Examples: []console.Example{
				{Line: "anna policy test ./20-home.toml", Says: "by this machine and its last week"},
				{Line: "anna policy test ./20-home.toml --facts server.json", Says: "by another machine's facts"},
				{Line: "anna policy test /etc/anna/policies.d/*.toml --json", Says: "all of them, for a script"},
			},
			Exits: []int{console.ExitConfig},
			Calls: []string{method},
			Run:   test,
		}},
	}}
}

// maxFile bounds what is read of one file.
const maxFile = config.MaxFileSize

func test(c *console.Console) error {
	back, err := config.ParseDuration(c.String("since"))
	if err != nil && c.String("since") != "0" || back > maxBack {
		return console.Usagef("as in: "+c.Path()+" --since 7d", "flag --since needs a time up to 30d, not %q", c.String("since"))
	}
	if c.IsSet("facts") && c.IsSet("since") {
		return console.Usagef("see: "+c.Path()+" --help", "flags --facts and --since exclude each other: a file has no past")
	}
	var files []config.File
	for _, name := range c.Args {
		data, err := read(name)
		if err != nil {
			return &console.Hinted{Err: fmt.Errorf("cannot read the rules %s: %w", name, cause(err)), Hint: "Name a file of rules, as in: " + c.Path() + " /etc/anna/policies.d/20-home.toml"}
		}
		files = append(files, config.File{Path: name, Data: data})
	}
	var trial policy.Trial
	if c.IsSet("facts") {
		tree, err := readFacts(c.String("facts"))
		if err != nil {
			return &console.Hinted{Err: fmt.Errorf("cannot read the facts %s: %w", c.String("facts"), cause(err)), Hint: "Such a file comes from: anna facts --json > machine.json"}
		}
		trial = policy.Try(files, tree, time.Now())
	} else {
		p := Params{BackSec: int64(back / time.Second)}
		for _, f := range files {
			p.Files = append(p.Files, File{f.Path, string(f.Data)})
		}
		if err := c.Call(method, p, &trial); err != nil {
			return err
		}
	}
	report := config.Report{Problems: trial.Problems, Path: files[0].Path}
	if c.JSON {
		if err := c.PrintJSON(trial); err != nil {
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
	return c.Answer(trial, func(w io.Writer) { printTrial(w, c.Theme, trial) })
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("it is larger than 1 MB")
	}
	return data, err
}

func readFacts(name string) (facts.Tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return facts.Tree{}, err
	}
	defer f.Close()
	return facts.Read(f)
}

// cause is an error without the path that os wraps around it.
func cause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
