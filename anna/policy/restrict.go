package policy

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
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

// cap keeps sums of costs from running over.
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

// pattern checks a regular expression and counts what it can cost.
func (r *restrictor) pattern(n *ast.BinaryNode) (int, *fault) {
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return 0, r.fault(n.Right, "a pattern has to be written out")
	}
	if r.inside {
		return 0, r.fault(n, "a pattern within a list takes too long: use startsWith, endsWith or contains")
	}
	parsed, err := syntax.Parse(text.Value, syntax.Perl)
	if err != nil {
		return 0, r.fault(n.Right, "the pattern is wrong: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	size := steps(parsed)
	if size*facts.MaxText > maxCost { // before it is built: that alone could take long
		return 0, r.fault(n.Right, "the pattern can take too long: it is too large with its repeats written out")
	}
	return size * facts.MaxText, nil
}

// steps is about how many instructions a pattern has, its repeats written out.
func steps(re *syntax.Regexp) int {
	n := 1
	if re.Op == syntax.OpLiteral {
		n = len(re.Rune)
	}
	for _, sub := range re.Sub {
		n = capped(n + steps(sub))
	}
	if re.Op == syntax.OpRepeat {
		n = capped(n * max(re.Max, re.Min, 1))
	}
	return n + 1
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

// question is the call that stands in the place of a reference.
func (r *restrictor) question(n ast.Node, ref facts.Ref) ast.Node {
	return ask(n, "#"+string(ref.Type()), number(&r.out.refs, ref))
}

func number(list *[]facts.Ref, ref facts.Ref) int {
	i := slices.Index(*list, ref)
	if i < 0 {
		i = len(*list)
		*list = append(*list, ref)
	}
	return i
}

func ask(n ast.Node, function string, number int) ast.Node {
	callee, argument := &ast.IdentifierNode{Value: function}, &ast.IntegerNode{Value: number}
	call := &ast.CallNode{Callee: callee, Arguments: []ast.Node{argument}}
	for _, part := range []ast.Node{callee, argument, call} {
		part.SetLocation(n.Location())
	}
	return call
}

// call is a fact that takes a name, a question about the past, known(), or a
// size or time that is written out.
func (r *restrictor) call(n *ast.CallNode) (ast.Node, int, *fault) {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil, 0, r.fault(n, "this cannot be called")
	}
	switch {
	case strings.HasPrefix(id.Value, "#"): // ours, met again
		return n, 4, nil
	case id.Value == "known":
		return r.known(n)
	case id.Value == "size" || id.Value == "duration":
		return r.constant(n, id.Value)
	case facts.FindFunc(id.Value) != nil || facts.FindWindow(id.Value) != nil:
		ref, bad := r.reference(n)
		if bad != nil {
			return nil, 0, bad
		}
		return r.question(n, ref), 4, nil
	}
	f := r.fault(n, "there is no function %s", id.Value)
	names := []string{"known", "size", "duration"}
	for name := range allowed {
		names = append(names, name)
	}
	for _, fn := range facts.Funcs {
		names = append(names, fn.Name)
	}
	for _, w := range facts.Windows {
		names = append(names, w.Name)
	}
	slices.Sort(names)
	f.suggestion = nearest.Of(id.Value, names)
	return nil, 0, f
}

// reference is what known() can be asked about.
func (r *restrictor) reference(n ast.Node) (facts.Ref, *fault) {
	call, ok := n.(*ast.CallNode)
	if !ok {
		name, bad := r.path(n)
		if bad != nil {
			return facts.Ref{}, bad
		}
		row, bad := r.row(n, name)
		if bad != nil {
			return facts.Ref{}, bad
		}
		return facts.Ref{Fact: row.Name}, nil
	}
	id, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return facts.Ref{}, r.fault(n, "this is no fact")
	}
	if f := facts.FindFunc(id.Value); f != nil {
		if len(call.Arguments) == 1 {
			if arg, ok := call.Arguments[0].(*ast.StringNode); ok && arg.Value != "" && len(arg.Value) <= facts.MaxText {
				return facts.Ref{Func: f.Name, Arg: arg.Value}, nil
			}
		}
		return facts.Ref{}, r.fault(n, "%s takes the name of one %s, written out: %s(\"...\")", f.Name, f.Arg, f.Name)
	}
	if w := facts.FindWindow(id.Value); w != nil {
		return r.window(call, w)
	}
	return facts.Ref{}, r.fault(n, "%s is no fact", id.Value)
}

// The times that a window may go back.
const (
	leastSpan = time.Minute
	mostSpan  = 30 * 24 * time.Hour
)

func (r *restrictor) window(n *ast.CallNode, w *facts.Window) (facts.Ref, *fault) {
	if len(n.Arguments) != 2 {
		return facts.Ref{}, r.fault(n, "%s takes a fact and a time: %s(load.one, \"1h\")", w.Name, w.Name)
	}
	if r.inside {
		return facts.Ref{}, r.fault(n, "the past cannot be asked for within a list")
	}
	ref, bad := r.reference(n.Arguments[0])
	if bad != nil {
		return ref, bad
	}
	row := facts.Find(ref.Fact)
	if ref.Window != "" || row == nil || row.Series == "" {
		f := r.fault(n.Arguments[0], "%s has no history", ref.Write(""))
		f.hint = "which facts have one: anna facts --list"
		return ref, f
	}
	span, ok := n.Arguments[1].(*ast.StringNode)
	if !ok {
		return ref, r.fault(n.Arguments[1], "the time has to be written out: \"10m\", \"6h\", \"7d\"")
	}
	d, err := config.ParseDuration(span.Value)
	if err != nil || d < leastSpan || d > mostSpan || d%time.Second != 0 {
		return ref, r.fault(n.Arguments[1], "the time is from 1m to 30d: \"10m\", \"6h\", \"7d\"")
	}
	ref.Window, ref.Span = w.Name, d
	windows := 1
	for _, other := range slices.Concat(r.out.refs, r.out.asks) {
		if other.Window != "" && other != ref {
			windows++
		}
	}
	if windows > maxWindows {
		return ref, r.fault(n, "a rule can ask for the past %d times", maxWindows)
	}
	return ref, nil
}

func (r *restrictor) known(n *ast.CallNode) (ast.Node, int, *fault) {
	if len(n.Arguments) != 1 {
		return nil, 0, r.fault(n, "known takes one fact: known(sensor.celsius)")
	}
	ref, bad := r.reference(n.Arguments[0])
	if bad != nil {
		return nil, 0, bad
	}
	return ask(n, "#known", number(&r.out.asks, ref)), 4, nil
}

// constant is size("1GiB") or duration("30d"), a number.
func (r *restrictor) constant(n *ast.CallNode, what string) (ast.Node, int, *fault) {
	text := ""
	if len(n.Arguments) == 1 {
		if s, ok := n.Arguments[0].(*ast.StringNode); ok {
			text = s.Value
		}
	}
	f := &ast.FloatNode{}
	f.SetLocation(n.Location())
	if what == "size" {
		size, err := config.ParseSize(text)
		if err != nil {
			return nil, 0, r.fault(n, "a size is written as size(\"500MB\") or size(\"1GiB\")")
		}
		f.Value = float64(size)
		return f, 1, nil
	}
	d, err := config.ParseDuration(text)
	if err != nil {
		return nil, 0, r.fault(n, "a time is written as duration(\"10m\") or duration(\"30d\")")
	}
	f.Value = d.Seconds()
	return f, 1, nil
}
