package storage

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// drawDepth is how deep a tree is drawn: beyond it a line would be all
// indentation.
const drawDepth = 64

// A treePrinter draws trees.
type treePrinter struct {
	w       io.Writer
	theme   ui.Theme
	wide    bool
	limit   int // siblings shown of one node; 0: all
	lineage bool
	folded  int
	b       []byte // a line on its way
}

// branches are what a tree is drawn with: a child, the last child, and what goes
// on below them.
func (p *treePrinter) branches() (child, last, bar, blank string) {
	if p.theme.ASCII {
		return "|-- ", "`-- ", "|   ", "    "
	}
	return "├── ", "└── ", "│   ", "    "
}

func printTrees(w io.Writer, t ui.Theme, trees Trees, wide bool, limit int) {
	if len(trees.Filesystems) == 0 {
		printNone(w)
	}
	for i, tree := range trees.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		p := &treePrinter{w: w, theme: t, wide: wide, limit: limit, lineage: tree.Lineage}
		p.print(tree)
	}
	printMissing(w, t, trees.Missing)
}

func (p *treePrinter) print(tree Tree) {
	t := p.theme
	fmt.Fprintln(p.w, t.Paint(ui.Strong, title(tree.Label, tree.UUID))+t.Dot()+countText(tree.Counts))
	p.siblings(tree.Roots, func(n *Node, _ bool) { p.draw(n, nil, "", "", 0) }, "")
	if len(tree.Pending) > 0 {
		fmt.Fprintln(p.w, t.Paint(ui.Strong, "pending deletion"))
		p.children(tree.Pending, nil, "", 0)
	}
	if p.folded > 0 {
		fmt.Fprintln(p.w, t.Paint(ui.Faint, fmt.Sprintf("%d are not drawn: --limit 0 draws all, --json has them", p.folded)))
	}
	printMissing(p.w, t, tree.Missing)
}

// draw writes a node and what hangs below it. lead is what stands before its
// name, below what stands before those of its children.
func (p *treePrinter) draw(n, up *Node, lead, under string, depth int) {
	p.b = append(p.b[:0], p.theme.Paint(ui.Faint, lead)...)
	p.line(n, up)
	p.b = append(p.b, '\n')
	_, _ = p.w.Write(p.b) // who reads what is written sees its errors
	p.children(n.Children, n, under, depth)
	if n.Folded > 0 {
		_, last, _, _ := p.branches()
		fmt.Fprintln(p.w, p.theme.Paint(ui.Faint, fmt.Sprintf("%s%s... %d below", under, last, n.Folded)))
	}
}

func (p *treePrinter) children(list []*Node, up *Node, under string, depth int) {
	if len(list) == 0 {
		return
	}
	child, last, bar, blank := p.branches()
	if depth == drawDepth {
		count := len(list)
		for _, n := range list {
			count += below(n)
		}
		p.folded += count
		fmt.Fprintln(p.w, p.theme.Paint(ui.Faint, fmt.Sprintf("%s%s... %d deeper", under, last, count)))
		return
	}
	lead, below := under+child, under+bar
	p.siblings(list, func(n *Node, isLast bool) {
		if isLast {
			p.draw(n, up, under+last, under+blank, depth+1)
		} else {
			p.draw(n, up, lead, below, depth+1)
		}
	}, lead)
}

// siblings draws a list, or the first and the last of it, which mostly are the
// newest, with a word in between on how many were left out.
func (p *treePrinter) siblings(list []*Node, draw func(n *Node, isLast bool), lead string) {
	from, to := len(list), len(list)
	if p.limit > 0 && len(list) > p.limit {
		from, to = p.limit/2, len(list)-(p.limit-p.limit/2)
	}
	for i, n := range list {
		if i == from {
			count := to - from
			for _, n := range list[from:to] {
				count += below(n)
			}
			p.folded += count
			fmt.Fprintln(p.w, p.theme.Paint(ui.Faint, fmt.Sprintf("%s... %d more", lead, count)))
		}
		if i < from || i >= to {
			draw(n, i == len(list)-1)
		}
	}
}

// line appends one node: its name, what it is, how it is mounted, since when,
// how large.
func (p *treePrinter) line(n, up *Node) {
	if n.State == stateDeleted {
		p.b = append(p.b, p.theme.Paint(ui.Faint, "(deleted, UUID "+ui.Plain(n.UUID)+")")...)
		return
	}
	if n.Path == "" && n.Name == "" {
		p.b = fmt.Appendf(p.b, "subvolume %d", n.ID)
	} else {
		p.b = append(p.b, quote(p.name(n, up))...)
	}
	p.what(n)
	p.details(n)
}

// name is the path from the node above, in a hierarchy; else the whole path.
func (p *treePrinter) name(n, up *Node) string {
	if n.Path == "" {
		return n.Name
	}
	if n.Path == "/" {
		return "/"
	}
	if !p.lineage && up != nil && up.Path != "" {
		if rest, ok := strings.CutPrefix(n.Path, strings.TrimSuffix(up.Path, "/")+"/"); ok {
			return rest
		}
	}
	return strings.TrimPrefix(n.Path, "/")
}

// what appends what kind of subvolume it is, in brackets.
func (p *treePrinter) what(n *Node) {
	before, after := p.theme.Brush(ui.Accent)
	lead := " " + before + "("
	say := func(word string) {
		p.b = append(append(p.b, lead...), word...)
		lead = ", "
	}
	switch {
	case n.ReadOnly == nil:
		say("closed to you")
	case *n.ReadOnly:
		say("ro")
	case n.ID != btrfs.TreeTop || n.isRoot:
		say("rw")
	}
	if n.isRoot {
		say("root")
	}
	if n.Snapshot != nil && *n.Snapshot {
		say("snapshot")
	}
	if n.Default != nil && *n.Default && n.ID != btrfs.TreeTop {
		say("default")
	}
	if lead == ", " {
		p.b = append(append(p.b, ')'), after...)
	}
}

// details appends the rest of the line.
func (p *treePrinter) details(n *Node) {
	t := p.theme
	dot := t.Dot()
	say := func(text string) { p.b = append(append(p.b, dot...), text...) }
	if points := visible(n.Mounts); len(points) > 0 && !(n.isRoot && len(points) == 1) {
		say("mounted at " + strings.Join(points, ", "))
	}
	switch btrfs.Reachability(n.State) {
	case btrfs.Hidden:
		say(t.Paint(ui.Warn, "hidden by mount at "+quote(first(n.HiddenBy))))
	case btrfs.Unreachable:
		say(t.Paint(ui.Faint, "not mounted"))
	case btrfs.Pending: // in a hierarchy they have a heading of their own
		if p.lineage {
			say(t.Paint(ui.Warn, string(btrfs.Pending)))
		}
	}
	if len(n.Over) > 0 {
		say(t.Paint(ui.Faint, fmt.Sprintf("over %d deleted", len(n.Over))))
	}
	if !n.Created.IsZero() && (p.wide || n.Snapshot != nil && *n.Snapshot) {
		p.b = n.Created.Local().AppendFormat(append(p.b, dot...), "2006-01-02 15:04")
	}
	if n.Referenced != nil {
		say(size(*n.Referenced))
	}
	if !p.wide {
		return
	}
	if n.Exclusive != nil {
		say(size(*n.Exclusive) + " exclusive")
	}
	say(fmt.Sprintf("id %d", n.ID))
	if n.Generation > 0 {
		say(fmt.Sprintf("generation %d", n.Generation))
	}
	if n.UUID != "" {
		say("UUID " + ui.Plain(n.UUID))
	}
	if n.ReceivedUUID != "" {
		say("received as " + ui.Plain(n.ReceivedUUID))
	}
	if len(n.Mounts) == 0 && len(n.Reach) > 0 {
		say("at " + quote(n.Reach[0].Path))
	}
}

// visible are the mount points that lead there.
func visible(mounts []Mount) []string {
	var out []string
	for _, m := range mounts {
		if point := quote(m.Point); m.HiddenBy == "" && !slices.Contains(out, point) {
			out = append(out, point)
		}
	}
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
