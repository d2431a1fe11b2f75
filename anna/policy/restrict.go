package policy

import (
	"fmt"
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// A restrictor goes through a syntax tree: it refuses what rules may not use,
// puts a question in the place of each name of a fact, and counts what the
// whole can cost.
type restrictor struct {
	text   string
	each   string
	inside bool // of a closure
	out    *expression
}

func (r *restrictor) fault(n ast.Node, format string, args ...any) *fault {
	return &fault{at: byteOf(r.text, n.Location().From), message: fmt.Sprintf(format, args...)}
}

// capped keeps sums and products of costs from overflowing.
func capped(n int) int { return min(n, math.MaxInt32) }

// node checks one node and returns what stands in its place, and its cost.
func (r *restrictor) node(n ast.Node) (ast.Node, int, *fault) {
	switch n := n.(type) {
	case *ast.IdentifierNode, *ast.MemberNode:
		return r.name(n)
	case *ast.IntegerNode: // all numbers are of one kind
		f := &ast.FloatNode{Value: float64(n.Value)}
		f.SetLocation(n.Location())
		return f, 1, nil
	case *ast.FloatNode:
		if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
			return nil, 0, r.fault(n, "the number is too large")
		}
		return n, 1, nil
	case *ast.BoolNode, *ast.StringNode, *ast.ConstantNode: // a constant is ours, met again: 1 < x < 3 shares x
		return n, 1, nil
	case *ast.UnaryNode:
		inner, cost, bad := r.node(n.Node)
		n.Node = inner
		return n, cost + 1, bad
	case *ast.BinaryNode:
		return r.binary(n)
	case *ast.ConditionalNode:
		total := 1
		for _, part := range []*ast.Node{&n.Cond, &n.Exp1, &n.Exp2} {
			inner, cost, bad := r.node(*part)
			if bad != nil {
				return nil, 0, bad
			}
			*part, total = inner, capped(total+cost)
		}
		return n, total, nil
	case *ast.ArrayNode:
		return r.list(n)
	case *ast.CallNode:
		return r.call(n)
	case *ast.BuiltinNode:
		return r.builtin(n)
	case *ast.PointerNode:
		if n.Name != "" {
			return nil, 0, r.fault(n, "#%s means nothing here: # alone is the entry of the list", n.Name)
		}
		return n, 1, nil
	case *ast.NilNode:
		return nil, 0, r.fault(n, "nil means nothing here: ask known(...) whether a fact is known")
	case *ast.ChainNode, *ast.SliceNode, *ast.MapNode, *ast.VariableDeclaratorNode, *ast.SequenceNode, *ast.PairNode, *ast.PredicateNode:
	}
	return nil, 0, r.fault(n, "this is no part of the language of rules")
}

func (r *restrictor) binary(n *ast.BinaryNode) (ast.Node, int, *fault) {
	steps, ok := operators[n.Operator]
	if !ok {
		return nil, 0, r.fault(n, "the operator %s is no part of the language of rules", n.Operator)
	}
	left, a, bad := r.node(n.Left)
	if bad != nil {
		return nil, 0, bad
	}
	right, b, bad := r.node(n.Right)
	if bad != nil {
		return nil, 0, bad
	}
	n.Left, n.Right = left, right
	switch n.Operator {
	case "matches":
		if steps, bad = r.pattern(n); bad != nil {
			return nil, 0, bad
		}
	case "in":
		if constant, ok := right.(*ast.ConstantNode); ok {
			if list, ok := constant.Value.([]string); ok {
				steps = 2 * len(list)
			} else {
				steps = 2 * len(constant.Value.([]float64))
			}
		} else {
			if r.inside {
				return nil, 0, r.fault(n, "a list within a list takes too long: in a closure, `in` takes a list that is written out")
			}
			steps = 2 * facts.MaxList
		}
	}
	return n, capped(a + b + steps), nil
}

// list checks a list that is written out.
func (r *restrictor) list(n *ast.ArrayNode) (ast.Node, int, *fault) {
	var texts []string
	var numbers []float64
	for _, e := range n.Nodes {
		switch e := e.(type) {
		case *ast.StringNode:
			texts = append(texts, e.Value)
		case *ast.IntegerNode:
			numbers = append(numbers, float64(e.Value))
		case *ast.FloatNode:
			numbers = append(numbers, e.Value)
		default:
			return nil, 0, r.fault(e, "a list holds texts or numbers that are written out")
		}
	}
	constant := &ast.ConstantNode{Value: texts}
	switch {
	case len(texts) > 0 && len(numbers) > 0:
		return nil, 0, r.fault(n, "a list holds either texts or numbers")
	case len(numbers) > 0:
		constant.Value = numbers
	case len(texts) == 0:
		return nil, 0, r.fault(n, "the list is empty")
	}
	constant.SetLocation(n.Location())
	return constant, 1, nil
}

// closures go through a list.
var closures = []string{"all", "any", "none", "one", "count"}

func (r *restrictor) builtin(n *ast.BuiltinNode) (ast.Node, int, *fault) {
	steps, ok := allowed[n.Name]
	if !ok {
		return nil, 0, r.fault(n, "%s is no part of the language of rules", n.Name)
	}
	if !slices.Contains(closures, n.Name) {
		total := steps
		for i, a := range n.Arguments {
			inner, cost, bad := r.node(a)
			if bad != nil {
				return nil, 0, bad
			}
			n.Arguments[i] = inner
			total = capped(total + cost)
		}
		return n, total, nil
	}
	if r.inside {
		return nil, 0, r.fault(n, "%s within another closure takes too long: one is as deep as rules go", n.Name)
	}
	if len(n.Arguments) != 2 {
		return nil, 0, r.fault(n, "%s takes a list and a condition, as in %s(kernel.installed, # contains \"lts\")", n.Name, n.Name)
	}
	list, cost, bad := r.node(n.Arguments[0])
	if bad != nil {
		return nil, 0, bad
	}
	predicate, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return nil, 0, r.fault(n.Arguments[1], "%s takes a list and a condition", n.Name)
	}
	r.inside = true
	body, each, bad := r.node(predicate.Node)
	r.inside = false
	if bad != nil {
		return nil, 0, bad
	}
	n.Arguments[0], predicate.Node = list, body
	return n, capped(cost + facts.MaxList*(each+steps)), nil
}
