package policy

import (
	"regexp/syntax"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

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
