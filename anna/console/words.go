package console

import (
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// parsed is a command line put in order.
type parsed struct {
	path  []*Command // from the top to the command; empty for the program itself
	flags []string   // each with its value, ready for the flag parser
	names []string   // the flags' names, as typed
	args  []string
	help  bool
}

func (p parsed) command() *Command {
	if len(p.path) == 0 {
		return nil
	}
	return p.path[len(p.path)-1]
}

func (p parsed) name(program string) string {
	words := []string{program}
	for _, c := range p.path {
		if c.Name != "" { // a program that is one command
			words = append(words, c.Name)
		}
	}
	return strings.Join(words, " ")
}

// parseWords finds the command and sorts flags from arguments, wherever they
// stand. program is what the user called us; root, where it is not nil, is the
// one command that the program is.
func parseWords(program string, tree []*Command, root *Command, words []string) (parsed, error) {
	var p parsed
	below := tree
	if root != nil {
		p.path, below = []*Command{root}, root.Sub
		tree = []*Command{root}
	}
	arity := arities(tree)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			p.args = append(p.args, words[i+1:]...)
			i = len(words)
		case len(word) > 1 && word[0] == '-':
			name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			takes, known := arity[name]
			if !known {
				return p, p.unknownFlag(program, word, tree)
			}
			p.names = append(p.names, name)
			p.flags = append(p.flags, word)
			if takes && !hasValue {
				if i++; i == len(words) {
					return p, Usagef(p.seeHelp(program), "flag %s needs a value", word)
				}
				// As one word: a value may begin with a dash.
				p.flags[len(p.flags)-1] = word + "=" + words[i]
			}
			p.help = p.help || name == "help" || name == "h"
		default:
			next := find(below, word)
			if next != nil && len(p.args) == 0 {
				p.path = append(p.path, next)
				below = next.Sub
				continue
			}
			if err := p.checkArgument(program, below, word); err != nil {
				return p, err
			}
			p.args = append(p.args, word)
		}
	}
	return p, p.checkFlags(program)
}

func find(list []*Command, name string) *Command {
	for _, c := range list {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// checkArgument decides whether a word that is no subcommand may be an
// argument. In a group that takes a PATH too, a word that could only be a
// misspelt subcommand is one.
func (p parsed) checkArgument(program string, below []*Command, word string) error {
	c := p.command()
	names := make([]string, 0, len(below))
	for _, b := range below {
		if !b.Hidden {
			names = append(names, b.Name)
		}
	}
	near := nearest.Of(word, names)
	switch {
	case c == nil || c.Run == nil:
		return p.unknownCommand(program, word, near)
	case len(p.args) > 0 || len(below) == 0 || near == "" || strings.Contains(word, "/"):
		return nil
	}
	if _, err := os.Lstat(word); err == nil {
		return nil
	}
	return p.unknownCommand(program, word, near)
}

func (p parsed) unknownCommand(program, word, near string) error {
	hint := p.seeHelp(program)
	if near != "" {
		hint = "did you mean: " + p.name(program) + " " + near
	}
	return Usagef(hint, "unknown command %q for %s", word, p.name(program))
}

// checkFlags refuses flags that exist, but not for this command.
func (p parsed) checkFlags(program string) error {
	known := flagNames(p.flagsOf())
	for _, name := range p.names {
		if !slices.Contains(known, name) {
			return p.unknownFlag(program, "--"+name, nil)
		}
	}
	return nil
}

func (p parsed) flagsOf() []cli.Flag {
	switch c := p.command(); {
	case c == nil:
		return append(commonFlags(), &cli.BoolFlag{Name: "version"})
	case c.Server:
		return slices.Concat(c.Flags, serverFlags())
	default:
		return slices.Concat(c.Flags, commonFlags())
	}
}

func (p parsed) unknownFlag(program, word string, tree []*Command) error {
	known := flagNames(p.flagsOf())
	if p.command() == nil { // before the command's name: any of its flags may come
		for name := range arities(tree) {
			known = append(known, name)
		}
		slices.Sort(known)
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	hint := p.seeHelp(program)
	if near := nearest.Of(name, known); near != "" {
		hint = "did you mean: --" + near
	}
	return Usagef(hint, "unknown flag %s for %s", word, p.name(program))
}

func (p parsed) seeHelp(program string) string { return "see: " + p.name(program) + " --help" }

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

// arities says of every flag in the tree whether it takes a value. Check holds
// that a name means the same everywhere, so a flag can be read before its
// command is known.
func arities(tree []*Command) map[string]bool {
	out := map[string]bool{"version": false}
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			for _, name := range f.Names() {
				out[name] = takesValue(f)
			}
		}
	}
	add(commonFlags())
	var walk func([]*Command)
	walk = func(list []*Command) {
		for _, c := range list {
			add(c.Flags)
			walk(c.Sub)
		}
	}
	walk(tree)
	return out
}
