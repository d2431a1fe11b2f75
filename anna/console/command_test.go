package console

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestCheck(t *testing.T) {
	if err := Check(testTree()); err != nil {
		t.Fatalf("a good tree: %v", err)
	}
	good := func() *Command {
		return &Command{Name: "c", Summary: "s", Run: nothing, Examples: []Example{{"c", "c"}}}
	}
	for want, spoil := range map[string]func(*Command){
		`has the name ""`:                     func(c *Command) { c.Name = "" },
		`has the name "a b"`:                  func(c *Command) { c.Name = "a b" },
		`has the name "-c"`:                   func(c *Command) { c.Name = "-c" },
		`has the name "a/b"`:                  func(c *Command) { c.Name = "a/b" },
		"has no summary":                      func(c *Command) { c.Summary = "" },
		"does nothing":                        func(c *Command) { c.Run = nil },
		"has no example":                      func(c *Command) { c.Examples = nil },
		`says "" about its arguments`:         func(c *Command) { c.MaxArgs = -1 },
		`says "X" about its arguments`:        func(c *Command) { c.Args = "X" },
		"needs 2 arguments and takes up to 1": func(c *Command) { c.Args, c.MinArgs, c.MaxArgs = "X", 2, 1 },
		"hidden by the word that starts":      func(c *Command) { c.Name = "daemon" },
		`has a flag with the names ["x, y"]`:  func(c *Command) { c.Flags = []cli.Flag{&cli.BoolFlag{Name: "x, y"}} },
		"has the flag --json twice":           func(c *Command) { c.Flags = []cli.Flag{&cli.BoolFlag{Name: "json"}} },
		"has the flag --h twice":              func(c *Command) { c.Flags = []cli.Flag{&cli.BoolFlag{Name: "host", Aliases: []string{"h"}}} },
		"--version takes a value in one":      func(c *Command) { c.Flags = []cli.Flag{&cli.StringFlag{Name: "version"}} },
		"command \"c e\" stands there twice":  func(c *Command) { e := good(); e.Name = "e"; c.Sub = []*Command{e, e} },
		"--x takes a value in one command and": func(c *Command) {
			c.Flags = []cli.Flag{&cli.BoolFlag{Name: "x"}}
			c.Sub = []*Command{{Name: "s", Summary: "s", Run: nothing, Hidden: true, Flags: []cli.Flag{&cli.StringFlag{Name: "x"}}}}
		},
	} {
		c := good()
		spoil(c)
		err := Check([]*Command{c})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want something about %q", err, want)
		}
	}
	if err := Check([]*Command{good(), good()}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a command twice: %v", err)
	}
	hidden := good()
	hidden.Examples, hidden.Hidden = nil, true
	if err := Check([]*Command{hidden}); err != nil {
		t.Errorf("a hidden command needs no example: %v", err)
	}
}
