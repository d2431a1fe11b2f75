package facts

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

func commands() []*console.Command {
	return []*console.Command{{
		Name: "facts", Args: "[PATH]", MaxArgs: 1,
		Summary: "what anna knows of the machine, as rules see it",
		About: `A fact is a value, or unknown with the reason. PATH is a branch (memory), a fact (memory.total_bytes), an object of a table (mount[/home]), a fact of it (mount[/home].used_percent), or a fact that takes a name (installed("linux")).

With --json the whole is one object: a file of it is what "policy test --facts" reads.`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "list", Usage: "every fact that there can be: type, unit, meaning"}},
		Examples: []console.Example{
			{Line: "anna facts", Says: "all of them"},
			{Line: "anna facts btrfs", Says: "those of one branch"},
			{Line: "anna facts 'mount[/].used_percent' --json", Says: "one, for a script"},
			{Line: "anna facts --list", Says: "what a rule can ask for"},
			{Line: "anna facts --json > machine.json", Says: "keep this machine's, to try rules by"},
		},
		Calls: []string{method},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	path := ""
	if len(c.Args) > 0 {
		path = c.Args[0]
	}
	if c.Bool("list") {
		return list(c, path)
	}
	branch, err := branchOf(c, path)
	if err != nil {
		return err
	}
	var p Params
	if branch != "" {
		p.Branches = []string{branch}
	}
	var tree facts.Tree
	if err := c.Call(method, p, &tree); err != nil {
		return err
	}
	if path == "" {
		return c.Answer(tree, func(w io.Writer) { printTree(w, c.Theme, tree) })
	}
	value, err := tree.Lookup(path)
	if err != nil {
		return notFound(c, path, err)
	}
	return c.Answer(value, func(w io.Writer) { printPath(w, c.Theme, tree, path, value) })
}

// branchOf is the branch that a path is of; "" for all.
func branchOf(c *console.Console, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	name, _, _ := strings.Cut(path, "(")
	if f := facts.FindFunc(name); f != nil {
		return f.Branch, nil
	}
	if i := strings.IndexAny(name, ".["); i >= 0 {
		name = name[:i]
	}
	if facts.FindKind(name) == nil {
		return "", notFound(c, path, fmt.Errorf("there is no fact %q", path))
	}
	return name, nil
}

func notFound(c *console.Console, path string, err error) error {
	hint := "every fact: " + c.Path() + " --list"
	if near := nearest.Of(path, slices.Concat(facts.Names(), branches())); near != "" {
		hint = "did you mean: " + c.Path() + " " + near
	}
	return console.Usagef(hint, "%v", err)
}

func branches() []string {
	var names []string
	for _, k := range facts.Kinds {
		names = append(names, k.Name)
	}
	return names
}

// listed is a fact as --list --json shows it.
type listed struct {
	Name    string     `json:"name"`
	Type    facts.Type `json:"type"`
	Unit    facts.Unit `json:"unit,omitempty"`
	Doc     string     `json:"doc"`
	Source  string     `json:"source"`
	History bool       `json:"history"`
	Each    string     `json:"each,omitempty"` // the table that it is of
}

func list(c *console.Console, path string) error {
	rows := []listed{}
	for _, r := range facts.Rows {
		if path != "" && path != r.Branch() && path != r.Name {
			continue
		}
		l := listed{Name: r.Name, Type: r.Type, Unit: r.Unit, Doc: r.Doc, Source: r.Source, History: r.Series != ""}
		if k := facts.FindKind(r.Branch()); k.Table() {
			l.Each = k.Name
		}
		rows = append(rows, l)
	}
	for _, f := range facts.Funcs {
		if path == "" || path == f.Branch || path == f.Name {
			rows = append(rows, listed{Name: fmt.Sprintf("%s(%q)", f.Name, f.Arg), Type: f.Type, Doc: f.Doc, Source: f.Branch})
		}
	}
	if len(rows) == 0 {
		return notFound(c, path, fmt.Errorf("there is no fact %q", path))
	}
	return c.Answer(struct {
		Facts []listed `json:"facts"`
	}{rows}, func(w io.Writer) { printList(w, c.Theme, rows) })
}
