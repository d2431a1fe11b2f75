package facts

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printTree(w io.Writer, t ui.Theme, tree facts.Tree) {
	first := true
	for _, k := range facts.Kinds {
		if tree.Branch(k.Name) == nil {
			continue
		}
		if !first {
			fmt.Fprintln(w)
		}
		first = false
		printBranch(w, t, tree, k)
	}
}

// printBranch shows a branch: its facts, or its objects one below the other.
func printBranch(w io.Writer, t ui.Theme, tree facts.Tree, k facts.Kind) {
	b := tree.Branch(k.Name)
	fmt.Fprintln(w, t.Paint(ui.Strong, k.Name))
	var rows [][]string
	switch {
	case b.Missing() != "":
		rows = append(rows, []string{"  " + t.Paint(ui.Faint, "unknown ("+ui.Plain(b.Missing())+")")})
	case k.Table():
		for _, o := range b.Objects() {
			fmt.Fprintf(w, "  %s\n", ui.Plain(k.Name+"["+o.Key+"]"))
			io.WriteString(w, ui.Columns(fields(nil, t, tree, k, o.Key, "    ")))
		}
		if len(b.Objects()) == 0 {
			rows = append(rows, []string{"  none"})
		}
	default:
		rows = fields(rows, t, tree, k, "", "  ")
		for _, f := range facts.Funcs {
			if n := len(b.Named(f.Name)); f.Branch == k.Name && n > 0 {
				rows = append(rows, []string{fmt.Sprintf("  %s(%q)", f.Name, f.Arg), fmt.Sprintf("%d known by name", n)})
			}
		}
	}
	io.WriteString(w, ui.Columns(rows))
}

func fields(rows [][]string, t ui.Theme, tree facts.Tree, k facts.Kind, key, indent string) [][]string {
	for _, r := range facts.Of(k.Name) {
		rows = append(rows, []string{indent + r.Field(), value(t, tree.Fact(r.Name, key), r.Unit)})
	}
	return rows
}

// mostList is how many entries of a list are shown.
const mostList = 20

func value(t ui.Theme, v facts.Value, unit facts.Unit) string {
	text := inASCII(t, ui.Plain(facts.Write(v, unit)), unit)
	switch list, ok := v.List(); {
	case !v.Known():
		return t.Paint(ui.Faint, text)
	case ok && len(list) > mostList:
		return ui.Plain(strings.Join(list[:mostList], ", ")) + fmt.Sprintf(" and %d more", len(list)-mostList)
	case text == "":
		return `""`
	}
	return text
}

// inASCII takes the sign out of a unit that ASCII has not.
func inASCII(t ui.Theme, text string, unit facts.Unit) string {
	if t.ASCII && unit == facts.Celsius {
		return strings.ReplaceAll(text, string(facts.Celsius), "C")
	}
	return text
}

func printPath(w io.Writer, t ui.Theme, tree facts.Tree, path string, found any) {
	if k := facts.FindKind(path); k != nil {
		printBranch(w, t, tree, *k)
		return
	}
	name := path
	if i := strings.IndexByte(path, '['); i >= 0 {
		name = path[:i]
		if j := strings.LastIndexByte(path, ']'); j > i {
			key := strings.Trim(path[i+1:j], `"`)
			name += path[j+1:]
			if path[j+1:] == "" {
				io.WriteString(w, ui.Columns(fields(nil, t, tree, *facts.FindKind(name), key, "")))
				return
			}
		}
	}
	unit := facts.None
	if row := facts.Find(name); row != nil {
		unit = row.Unit
	}
	switch v := found.(type) {
	case facts.Value:
		fmt.Fprintln(w, inASCII(t, ui.Plain(facts.Write(v, unit)), unit))
	case map[string]facts.Value:
		var rows [][]string
		for _, o := range keys(v) {
			rows = append(rows, []string{ui.Plain(o), value(t, v[o], unit)})
		}
		io.WriteString(w, ui.Columns(rows))
	}
}

func printList(w io.Writer, t ui.Theme, list []listed) {
	rows := [][]string{{"FACT", "TYPE", "UNIT", "PAST", "WHAT"}}
	for _, l := range list {
		past := ""
		if l.History {
			past = "yes"
		}
		rows = append(rows, []string{l.Name, string(l.Type), inASCII(t, string(l.Unit), l.Unit), past, strings.ReplaceAll(l.Doc, "`", "")})
	}
	io.WriteString(w, ui.Columns(rows))
	fmt.Fprintf(w, "\n%s\n", t.Paint(ui.Faint, "Those of a table are of each of its objects: a rule goes through them with each = \"mount\"."))
}

func keys(m map[string]facts.Value) []string { return slices.Sorted(maps.Keys(m)) }
