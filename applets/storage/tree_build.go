package storage

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// treeOptions are what the user asks of a tree.
type treeOptions struct {
	lineage bool
	deleted bool // show what is pending deletion
	depth   int  // levels below the roots; 0: all
	sort    string
}

// treeSorts are the words of --sort.
var treeSorts = []string{"path", "created", "id", "size"}

// buildTree nests a flat list. Whatever the list says, every node appears once:
// what hangs below something that is not there, or below itself, becomes a root.
func buildTree(list []Node, o treeOptions) (roots, pending []*Node) {
	nodes := make([]*Node, 0, len(list))
	pending = []*Node{}
	for i := range list {
		n := &list[i]
		n.Children = []*Node{}
		for _, m := range n.Mounts {
			n.isRoot = n.isRoot || m.Point == "/" && m.HiddenBy == ""
		}
		if n.State == string(btrfs.Pending) {
			pending = append(pending, n)
			continue
		}
		nodes = append(nodes, n)
	}
	order := sorting(o.sort)
	if o.lineage {
		roots = nestByAncestry(nodes, pending, o.deleted)
		if o.deleted { // they stand in the lineage
			pending = []*Node{}
		}
	} else {
		roots = nest(nodes, parents(nodes))
	}
	slices.SortStableFunc(pending, order)
	if !o.deleted {
		pending = []*Node{}
	}
	sortAll(roots, order)
	if o.depth > 0 {
		cut(roots, o.depth)
	}
	return roots, pending
}

// parents finds the node that holds another. Lists come by id, and whoever
// follows one mostly hangs where that does.
func parents(nodes []*Node) func(*Node) *Node {
	byID := nodes
	if !slices.IsSortedFunc(byID, compareIDs) {
		byID = slices.Clone(byID)
		slices.SortStableFunc(byID, compareIDs)
	}
	var last *Node
	return func(n *Node) *Node {
		if last == nil || last.ID != n.Parent {
			i, found := slices.BinarySearchFunc(byID, n.Parent, func(n *Node, id uint64) int { return cmp.Compare(n.ID, id) })
			if !found {
				return nil
			}
			last = byID[i]
		}
		return last
	}
}

func compareIDs(a, b *Node) int { return cmp.Compare(a.ID, b.ID) }

// nest hangs each node below the one above it, and returns those that nothing
// is above of. A ring has nothing above it: it is cut open at its first node.
func nest(nodes []*Node, above func(*Node) *Node) []*Node {
	roots := []*Node{}
	for _, n := range nodes {
		if up := above(n); up != nil && up != n {
			up.Children = append(up.Children, n)
		} else {
			roots = append(roots, n)
		}
	}
	for _, n := range nodes {
		n.nested = false
	}
	for _, r := range roots {
		mark(r)
	}
	for _, n := range nodes {
		if n.nested {
			continue
		}
		if up := above(n); up != nil {
			up.Children = slices.DeleteFunc(up.Children, func(c *Node) bool { return c == n })
		}
		roots = append(roots, n)
		mark(n)
	}
	return roots
}

// mark walks with a list of its own rather than the stack: subvolumes can be
// nested as deep as there are.
func mark(n *Node) {
	for todo := []*Node{n}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !n.nested {
			n.nested = true
			todo = append(todo, n.Children...)
		}
	}
}

// sortAll sorts every list of siblings.
func sortAll(roots []*Node, order func(a, b *Node) int) {
	for todo := [][]*Node{roots}; len(todo) > 0; {
		list := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !slices.IsSortedFunc(list, order) { // as snapshots by number are
			slices.SortStableFunc(list, order)
		}
		for _, n := range list {
			if len(n.Children) > 0 {
				todo = append(todo, n.Children)
			}
		}
	}
}

// cut folds what lies more than depth levels below the roots.
func cut(roots []*Node, depth int) {
	level := roots
	for range depth {
		var next []*Node
		for _, n := range level {
			next = append(next, n.Children...)
		}
		level = next
	}
	for _, n := range level {
		n.Folded = below(n)
		n.Children = []*Node{}
	}
}

// below counts what hangs below a node.
func below(n *Node) int {
	count := 0
	for todo := slices.Clone(n.Children); len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], n.Children...)
		count++
	}
	return count
}

func sorting(word string) func(a, b *Node) int {
	byPath := func(a, b *Node) int { return cmp.Or(naturally(a.Path, b.Path), cmp.Compare(a.ID, b.ID)) }
	switch word {
	case "created":
		return func(a, b *Node) int { return cmp.Or(timeOf(a).Compare(timeOf(b)), byPath(a, b)) }
	case "id":
		return compareIDs
	case "size": // the largest first, unknown ones last
		return func(a, b *Node) int { return cmp.Or(-cmp.Compare(sizeOf(a), sizeOf(b)), byPath(a, b)) }
	}
	return byPath
}

func timeOf(n *Node) time.Time { return n.Created }

func sizeOf(n *Node) int64 {
	if n.Referenced == nil {
		return -1
	}
	return int64(min(*n.Referenced, 1<<62))
}

// naturally compares names with numbers as people do: 9 before 10. Names that
// differ in leading zeros alone are still different.
func naturally(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), strings.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
