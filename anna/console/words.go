package console

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// parsed is a command line put in order: every word is the name of a command, a
// flag, a flag's value or an argument.
type parsed struct {
	path  []*Command // from the top to the command; empty for the program itself
	flags []flagWord
	args  []string
}

// flagWord is a flag as it was typed.
type flagWord struct {
	name     string // without dashes
	value    string
	hasValue bool
}

// typed is the flag as the user knows it.
func (f flagWord) typed() string { return dashed(f.name) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
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
	}
	arity := arities(tree, root)
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			p.args = append(p.args, words[i+1:]...)
			i = len(words)
		case len(word) > 1 && word[0] == '-':
			f := splitFlag(word)
			takes, known := arity[f.name]
			if !known {
				return p, p.unknownFlag(program, f, arity)
			}
			if takes && !f.hasValue {
				if i++; i == len(words) {
					if err := p.checkFlag(program, f); err != nil {
						return p, err
					}
					return p, Usagef(p.seeHelp(program), "flag %s needs a value", f.typed())
				}
				f.value, f.hasValue = words[i], true
			}
			p.flags = append(p.flags, f)
		default:
			next := find(below, word)
			if next != nil && len(p.args) == 0 {
				p.path = append(p.path, next)
				below = next.Sub
				if next.Instead != "" { // what else was typed is not ours to judge
					return p, nil
				}
				continue
			}
			if err := p.checkArgument(program, below, word); err != nil {
				return p, err
			}
			p.args = append(p.args, word)
		}
	}
	for _, f := range p.flags {
		if err := p.checkFlag(program, f); err != nil {
			return p, err
		}
	}
	return p, nil
}

// splitFlag takes a word that begins with a dash apart. One dash or two is the
// same; three are part of the name, which no flag has then.
func splitFlag(word string) flagWord {
	word = strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	name, value, hasValue := strings.Cut(word, "=")
	return flagWord{name, value, hasValue}
}

// on reports whether a flag without a value is given and not switched off
// ("--json=false"). The last one counts.
func (p parsed) on(name string) bool {
	on := false
	for _, f := range p.flags {
		if f.name == name || p.canonical(f.name) == name {
			on = f.on()
		}
	}
	return on
}

func (f flagWord) on() bool {
	v, err := strconv.ParseBool(f.value)
	return !f.hasValue || v || err != nil
}

// line is the flags as the flag parser gets them: by their first names, for it
// refuses a flag and its alias together, and each with its value in one word,
// for a value may begin with a dash.
func (p parsed) line() []string {
	var line []string
	for _, f := range p.flags {
		word := "--" + p.canonical(f.name)
		if f.hasValue {
			word += "=" + f.value
		}
		line = append(line, word)
	}
	return line
}

// canonical is the first name of the command's flag.
func (p parsed) canonical(name string) string {
	for _, f := range p.flagsOf() {
		if names := namesOf(f); slices.Contains(names, name) {
			return names[0]
		}
	}
	return name
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
	switch {
	case c == nil || c.Run == nil:
		return p.unknownCommand(program, below, word)
	case len(p.args) > 0 || strings.Contains(word, "/") || nearest.Of(word, shown(below)) == "":
		return nil
	}
	if _, err := os.Lstat(word); err == nil {
		return nil
	}
	return p.unknownCommand(program, below, word)
}

// daemonWord starts the daemon as a program's first word; the tree has no such
// command.
const daemonWord = "daemon"

func (p parsed) unknownCommand(program string, below []*Command, word string) error {
	names := shown(below)
	if len(p.path) == 0 {
		names = append(names, daemonWord)
	}
	hint := p.seeHelp(program)
	switch near := nearest.Of(word, names); near {
	case "":
	case daemonWord:
		hint = "the daemon is started by: anna daemon, or: annad"
	default:
		hint = "did you mean: " + p.name(program) + " " + near
	}
	return Usagef(hint, "unknown command %q for %s", word, p.name(program))
}

// shown are the names of the commands that are no secret.
func shown(list []*Command) []string {
	var names []string
	for _, c := range list {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// checkFlag refuses a flag that exists, but not for this command.
func (p parsed) checkFlag(program string, f flagWord) error {
	if !slices.Contains(flagNames(p.flagsOf()), f.name) {
		return p.unknownFlag(program, f, nil)
	}
	return nil
}

func (p parsed) flagsOf() []cli.Flag {
	c := p.command()
	if c == nil {
		return programFlags()
	}
	return c.flags()
}

// unknownFlag says that nothing has such a flag, or that the command has not.
func (p parsed) unknownFlag(program string, f flagWord, anywhere map[string]bool) error {
	known := flagNames(p.flagsOf())
	if p.command() == nil { // before the command's name: any of its flags may come
		for name := range anywhere {
			known = append(known, name)
		}
		slices.Sort(known)
	}
	hint := p.seeHelp(program)
	if near := nearest.Of(f.name, known); near != "" {
		hint = "did you mean: " + dashed(near)
	}
	return Usagef(hint, "unknown flag %s for %s", f.typed(), p.name(program))
}

func (p parsed) seeHelp(program string) string { return "see: " + p.name(program) + " --help" }

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, namesOf(f)...)
	}
	return names
}

// namesOf are the names of a flag, as f.Names() has them: that one takes each
// through a regular expression, in case one is written as "name, n", which Check
// refuses. Every command goes through all flags of all commands.
func namesOf(f cli.Flag) []string {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return withAliases(f.Name, f.Aliases)
	case *cli.StringFlag:
		return withAliases(f.Name, f.Aliases)
	case *cli.IntFlag:
		return withAliases(f.Name, f.Aliases)
	case *cli.DurationFlag:
		return withAliases(f.Name, f.Aliases)
	}
	return f.Names()
}

func withAliases(name string, aliases []string) []string {
	return slices.Concat([]string{name}, aliases)
}

// arities says of every flag that may come whether it takes a value. Check
// holds that a name means the same everywhere, so a flag can be read before its
// command is known; and the common ones need to be read once only.
func arities(tree []*Command, root *Command) map[string]bool {
	out := map[string]bool{}
	add := func(flags []cli.Flag) {
		for _, f := range flags {
			for _, name := range namesOf(f) {
				out[name] = takesValue(f)
			}
		}
	}
	var walk func([]*Command)
	walk = func(list []*Command) {
		for _, c := range list {
			add(c.Flags)
			walk(c.Sub)
		}
	}
	switch {
	case root == nil:
		add(programFlags())
		walk(tree)
	case root.Server:
		add(serverFlags())
		walk([]*Command{root})
	default:
		add(commonFlags())
		walk([]*Command{root})
	}
	return out
}

// wantsJSON finds --json also on a line that could not be parsed: the script
// that typed it wants its error as JSON all the same.
func wantsJSON(tree []*Command, words []string) bool {
	arity := arities(tree, nil)
	wants := false
	for i := 0; i < len(words) && words[i] != "--"; i++ {
		if len(words[i]) < 2 || words[i][0] != '-' {
			continue
		}
		f := splitFlag(words[i])
		if f.name == "json" {
			wants = f.on()
		}
		if arity[f.name] && !f.hasValue {
			i++ // the next word is its value
		}
	}
	return wants
}
