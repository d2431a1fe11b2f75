package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

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
