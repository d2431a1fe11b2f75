package policy

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// name is the name of a fact.
func (r *restrictor) name(n ast.Node) (ast.Node, int, *fault) {
	name, bad := r.path(n)
	if bad != nil {
		return nil, 0, bad
	}
	row, bad := r.row(n, name)
	if bad != nil {
		return nil, 0, bad
	}
	return r.question(n, facts.Ref{Fact: row.Name}), 4, nil
}

// path writes a name out.
func (r *restrictor) path(n ast.Node) (string, *fault) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, nil
	case *ast.MemberNode:
		property, ok := n.Property.(*ast.StringNode)
		if !ok || n.Optional || n.Method {
			return "", r.fault(n, "names are written with dots: memory.total_bytes")
		}
		if _, pointer := n.Node.(*ast.PointerNode); pointer {
			return "", r.fault(n, "lists hold texts: # is the entry, and has no parts")
		}
		before, bad := r.path(n.Node)
		return before + "." + property.Value, bad
	}
	return "", r.fault(n, "this is no name of a fact")
}

// row finds a fact, and refuses one of a table that the rule does not go
// through.
func (r *restrictor) row(n ast.Node, name string) (*facts.Row, *fault) {
	// The place of a member is that of its dot.
	at := n
	for {
		m, ok := at.(*ast.MemberNode)
		if !ok {
			break
		}
		at = m.Node
	}
	row := facts.Find(name)
	if row == nil {
		f := r.fault(at, "there is no fact %s", name)
		switch k := facts.FindKind(name); {
		case k != nil:
			f.message = name + " is a branch of facts, not a fact"
			f.hint = "its facts: anna facts " + name
		case facts.FindFunc(name) != nil:
			f.message = fmt.Sprintf("%s takes a name: %s(\"...\")", name, name)
		default:
			f.suggestion = nearest.Of(name, facts.Names())
			f.hint = "every fact: anna facts --list"
		}
		return nil, f
	}
	if k := facts.FindKind(row.Branch()); k.Table() && k.Name != r.each {
		f := r.fault(at, "%s is of each %s", name, k.Name)
		f.hint = fmt.Sprintf("add to the rule: each = %q", k.Name)
		if r.each != "" {
			f.hint = fmt.Sprintf("a rule goes through one table, this one through each %s", r.each)
		}
		return nil, f
	}
	return row, nil
}

// unit is that of sums and differences of facts that have the same one.
func (r *restrictor) unit() facts.Unit {
	if len(r.out.refs) == 0 || strings.ContainsAny(r.text, "*/?<>=") || strings.Contains(r.text, "count(") {
		return facts.None
	}
	unit := r.out.refs[0].Unit()
	for _, ref := range r.out.refs {
		if ref.Unit() != unit || ref.Type() != facts.Number {
			return facts.None
		}
	}
	return unit
}
