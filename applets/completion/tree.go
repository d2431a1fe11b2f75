package completion

import (
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// A place is where one can stand on the command line: behind a command.
type place struct {
	path  string // "storage btrfs"; "" behind the program's name
	flags []console.Flag
	subs  []sub
	args  answers
}

// A sub is a command that may follow.
type sub struct{ name, says string }

// answers are what may stand in a place.
type answers struct {
	files bool
	words []string
}

// daemonPath is the place of annad's own flags, as in "anna daemon".
const daemonPath = "daemon"

// places lists every place of the tree, those above before those below.
func places(tree []*console.Command, daemon *console.Command) []place {
	top := place{flags: console.ProgramFlags()}
	var out []place
	var walk func(parent string, list []*console.Command) []sub
	walk = func(parent string, list []*console.Command) []sub {
		var subs []sub
		for _, c := range list {
			if c.Hidden {
				continue
			}
			subs = append(subs, sub{c.Name, c.Summary})
			path := strings.TrimPrefix(parent+" "+c.Name, " ")
			i := len(out)
			out = append(out, place{path: path, flags: c.AllFlags(), args: arguments(c, tree)})
			below := walk(path, c.Sub)
			out[i].subs = below
		}
		return subs
	}
	top.subs = walk("", tree)
	top.subs = append(top.subs, sub{daemonPath, daemon.Summary})
	return append(append([]place{top}, out...), place{path: daemonPath, flags: daemon.AllFlags()})
}

// arguments are what a command takes, by how its arguments are written.
func arguments(c *console.Command, tree []*console.Command) answers {
	a := answers{words: c.ArgWords, files: strings.Contains(c.Args, "PATH") || strings.Contains(c.Args, "FILE") || c.Args == "A B"}
	if strings.Contains(c.Args, "COMMAND") {
		for _, one := range tree {
			if !one.Hidden {
				a.words = append(a.words, one.Name)
			}
		}
	}
	return a
}

// values are what the value of a flag may be.
func values(f console.Flag) answers {
	return answers{words: f.Words, files: f.Value == "PATH" || f.Value == "FILE" || f.Value == "DIR"}
}

// none reports whether nothing is known to stand there.
func (a answers) none() bool { return !a.files && len(a.words) == 0 }

// typed are a flag's names as one types them.
func typed(f console.Flag) []string {
	var out []string
	for _, name := range f.Names {
		dashes := "--"
		if len(name) == 1 {
			dashes = "-"
		}
		out = append(out, dashes+name)
	}
	return out
}

// valued are the flags that take a value, as the program reads them: with one
// dash or two. A name means the same in every place.
func valued(all []place) []string {
	var out []string
	for _, p := range all {
		for _, f := range p.flags {
			if f.Value == "" {
				continue
			}
			for _, name := range f.Names {
				out = append(out, "-"+name, "--"+name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// paths are the places but the first.
func paths(all []place) []string {
	var out []string
	for _, p := range all[1:] {
		out = append(out, p.path)
	}
	return out
}
