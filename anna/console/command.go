package console

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A Command is one row of the command tree.
type Command struct {
	Name     string
	Args     string   // how its arguments are written, as "[PATH]"; "" for none
	ArgWords []string // what they may be, where that can be listed; for completions
	Summary  string   // one line, for lists
	About    string   // what it does and when one wants it; paragraphs
	Examples []Example
	Exits    []int // statuses beside 0, 1 and 64, and those of Calls
	Calls    []string
	Flags    []cli.Flag // beside the common ones
	MinArgs  int
	MaxArgs  int // -1: any number
	Hidden   bool
	// Instead is set of a command of v0.12.6 that is not here: what to use in its
	// place. It is refused with that, whatever else was typed, and is Hidden.
	Instead string
	// ExitSays is what a status means of this command alone, over ExitMeanings.
	ExitSays map[int]string
	Server   bool                 // it is no client: the common flags mean nothing to it
	Run      func(*Console) error // nil for a group that only has subcommands
	Sub      []*Command
}

// An Example is a command line and what it is for.
type Example struct{ Line, Says string }

// commonFlags are those of every command.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "socket", Usage: "the daemon's socket `PATH`"},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `TIME`", DefaultText: "10s"},
		&cli.BoolFlag{Name: "standalone", Usage: "without annad: run a private daemon inside this process"},
		&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
		&cli.BoolFlag{Name: "no-color", Usage: "no colours (also: NO_COLOR=1)"},
		&cli.BoolFlag{Name: "ascii", Usage: "draw with ASCII characters only"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say more"},
		&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help"},
	}
}

// serverFlags are those of the daemon beside its own.
func serverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "version", Usage: "print the version"},
		&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help"},
	}
}

// programFlags are those of the program itself, before any command.
func programFlags() []cli.Flag {
	return append(commonFlags(), &cli.BoolFlag{Name: "version", Usage: "print the version"})
}

// flags are all flags of the command.
func (c *Command) flags() []cli.Flag {
	if c.Server {
		return slices.Concat(c.Flags, serverFlags())
	}
	return slices.Concat(c.Flags, commonFlags())
}

// takesValue reports whether the word after a flag belongs to it.
func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// Check refuses a tree that would surprise: rows without a name or summary,
// names twice, flags that mean different things in different places.
func Check(tree []*Command) error {
	arity := map[string]bool{}
	for _, f := range programFlags() { // they are read before the command is known
		for _, name := range f.Names() {
			arity[name] = takesValue(f)
		}
	}
	var problems []error
	flags := func(path string, list []cli.Flag) {
		seen := map[string]bool{}
		for _, f := range list {
			if !slices.Equal(namesOf(f), f.Names()) {
				problems = append(problems, fmt.Errorf("command %q has a flag with the names %q", path, namesOf(f)))
			}
			for _, name := range f.Names() {
				if seen[name] {
					problems = append(problems, fmt.Errorf("command %q has the flag --%s twice", path, name))
				}
				seen[name] = true
				if had, ok := arity[name]; ok && had != takesValue(f) {
					problems = append(problems, fmt.Errorf("flag --%s takes a value in one command and none in another", name))
				}
				arity[name] = takesValue(f)
			}
		}
	}
	var walk func(parent string, list []*Command)
	walk = func(parent string, list []*Command) {
		seen := map[string]bool{}
		for _, c := range list {
			path := strings.TrimSpace(parent + " " + c.Name)
			switch {
			case c.Name == "" || strings.ContainsAny(c.Name, " -/"):
				problems = append(problems, fmt.Errorf("a command below %q has the name %q", parent, c.Name))
			case c.Summary == "":
				problems = append(problems, fmt.Errorf("command %q has no summary", path))
			case seen[c.Name]:
				problems = append(problems, fmt.Errorf("command %q stands there twice", path))
			case c.Instead != "":
				if c.Run != nil || len(c.Sub) > 0 || !c.Hidden {
					problems = append(problems, fmt.Errorf("command %q is not here any more, and does something", path))
				}
			case c.Run == nil && len(c.Sub) == 0:
				problems = append(problems, fmt.Errorf("command %q does nothing", path))
			case c.Run != nil && len(c.Examples) == 0 && !c.Hidden:
				problems = append(problems, fmt.Errorf("command %q has no example", path))
			case (c.Args == "") != (c.MaxArgs == 0):
				problems = append(problems, fmt.Errorf("command %q says %q about its arguments and takes up to %d", path, c.Args, c.MaxArgs))
			case c.MaxArgs >= 0 && c.MinArgs > c.MaxArgs:
				problems = append(problems, fmt.Errorf("command %q needs %d arguments and takes up to %d", path, c.MinArgs, c.MaxArgs))
			case parent == "" && c.Name == daemonWord:
				problems = append(problems, fmt.Errorf("command %q is hidden by the word that starts the daemon", path))
			}
			seen[c.Name] = true
			flags(path, c.flags())
			walk(path, c.Sub)
		}
	}
	walk("", tree)
	return errors.Join(problems...)
}
