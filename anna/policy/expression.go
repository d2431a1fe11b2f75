package policy

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Bounds of one expression.
const (
	maxSource = 2000 // bytes: the parser goes as deep as the text
	maxNodes  = 200
	// maxCost bounds the steps of one evaluation at its worst, with every list
	// as long as lists can be. A step is some 30 ns.
	maxCost = 400_000
	// maxWindows bounds the questions about the past, each of which reads the
	// store.
	maxWindows = 4
)

// An expression is one that was checked, ready to run.
type expression struct {
	text    string
	program *vm.Program
	typ     facts.Type // of its result
	refs    []facts.Ref
	asks    []facts.Ref // what known() is asked about
	bare    bool        // it is one reference and nothing else
	unit    facts.Unit  // of a bare one
}

// A fault is what is wrong with an expression, at a byte of its text.
type fault struct {
	at         int
	message    string
	hint       string
	suggestion string
}

// environment is what compiled expressions see: one function for each type of
// fact, which is asked by number. Nobody can write these names.
func environment(j *Judge) map[string]any {
	return map[string]any{
		"#bool":   func(n any) bool { return j.ask(n, facts.Bool).flag() },
		"#number": func(n any) float64 { return j.ask(n, facts.Number).number() },
		"#text":   func(n any) string { return j.ask(n, facts.Text).text() },
		"#list":   func(n any) []string { return j.ask(n, facts.List).list() },
		"#known":  func(n any) bool { return j.known(n) },
	}
}

// allowed are the built-in functions of the language that rules may use, with
// the steps that each takes beside its arguments.
var allowed = map[string]int{
	"all": 2, "any": 2, "none": 2, "one": 2, "count": 2, // for each element
	"len": 1, "abs": 2, "ceil": 2, "floor": 2, "round": 2, "min": 3, "max": 3, "lower": 20, "upper": 20,
}

var operators = map[string]int{
	"and": 1, "&&": 1, "or": 1, "||": 1, "==": 1, "!=": 1, "<": 1, "<=": 1, ">": 1, ">=": 1,
	"+": 1, "-": 1, "*": 1, "/": 1, "in": 1, "contains": 10, "startsWith": 3, "endsWith": 3, "matches": 0,
}

// configs are those of the module, which remember types and so serve one
// compilation at a time.
var configs = sync.Pool{New: func() any { return newConfig() }}

func newConfig() *conf.Config {
	c := conf.CreateNew()
	c.Optimize = false
	c.MaxNodes = maxNodes
	for name := range c.Builtins {
		if _, ok := allowed[name]; !ok {
			c.Disabled[name] = true
			delete(c.Builtins, name)
		}
	}
	c.WithEnv(environment(nil))
	c.Strict = true
	return c
}

// compile checks an expression against the facts. each is the table that the
// rule goes through.
func compile(text, each string) (*expression, *fault) {
	if len(text) > maxSource {
		return nil, &fault{message: "the expression is longer than 2000 bytes", at: maxSource}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &fault{message: "the expression is empty"}
	}
	c := configs.Get().(*conf.Config)
	defer configs.Put(c)
	tree, err := parser.ParseWithConfig(text, c)
	if err != nil {
		return nil, parseFault(err, text)
	}
	r := &restrictor{text: text, each: each, out: &expression{text: text}}
	node, cost, bad := r.node(tree.Node)
	if bad != nil {
		return nil, bad
	}
	if cost > maxCost {
		return nil, &fault{message: "the expression can take too long: a list has up to 1000 entries, and this goes through them too often", hint: "make it shorter, or go through the list once"}
	}
	if len(r.out.refs) == 1 && len(r.out.asks) == 0 {
		if _, ok := node.(*ast.CallNode); ok {
			r.out.bare, r.out.unit = true, r.out.refs[0].Unit()
		}
	}
	if !r.out.bare {
		r.out.unit = r.unit()
	}
	tree.Node = node
	typ, err := checker.Check(tree, c)
	if err != nil {
		return nil, parseFault(err, text)
	}
	joined := &joins{}
	if ast.Walk(&tree.Node, joined); joined.node != nil {
		return nil, r.fault(joined.node, "texts cannot be joined in a rule")
	}
	var ok bool
	if r.out.typ, ok = typeOf(typ); !ok {
		return nil, &fault{message: "the expression has no value that can be used"}
	}
	program, err := compiler.Compile(tree, c)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, &fault{message: plainTypes(first)}
	}
	r.out.program = program
	return r.out, nil
}

// joins finds where texts are joined: what that costs has no bound.
type joins struct{ node ast.Node }

func (j *joins) Visit(n *ast.Node) {
	b, ok := (*n).(*ast.BinaryNode)
	if ok && b.Operator == "+" && (b.Type() == nil || b.Type().Kind() != reflect.Float64 && b.Type().Kind() != reflect.Int) {
		j.node = b
	}
}

func typeOf(t reflect.Type) (facts.Type, bool) {
	if t == nil {
		return "", false
	}
	switch t.Kind() {
	case reflect.Bool:
		return facts.Bool, true
	case reflect.Float64, reflect.Int:
		return facts.Number, true
	case reflect.String:
		return facts.Text, true
	case reflect.Slice:
		return facts.List, t.Elem().Kind() == reflect.String
	}
	return "", false
}

// parseFault turns an error of the module into ours, in words that do not speak
// of Go.
func parseFault(err error, text string) *fault {
	var e *file.Error
	if !errors.As(err, &e) {
		return &fault{message: plainTypes(err.Error())}
	}
	f := &fault{at: byteOf(text, e.From), message: plainTypes(e.Message)}
	switch {
	case strings.Contains(f.message, "maximum allowed nodes"):
		f.message = "the expression has more than 200 parts"
	case strings.Contains(f.message, "unexpected token Operator(\"=\")"):
		f.message, f.suggestion = "to compare takes two equals signs", "=="
	case strings.HasPrefix(f.message, "unexpected token EOF"):
		f.message = "the expression ends too early"
	}
	return f
}

var goTypes = lazily(`\[\]string|\[\]interface \{\}|float64|string|\bint\b|\bbool\b`)

var ourTypes = map[string]string{
	"[]string": "list", "[]interface {}": "list", "float64": "number", "int": "number", "string": "text", "bool": "bool",
}

func plainTypes(s string) string {
	s = goTypes().ReplaceAllStringFunc(s, func(t string) string { return ourTypes[t] })
	return strings.TrimSpace(s)
}

// byteOf turns a place counted in characters into one counted in bytes.
func byteOf(text string, runes int) int {
	at := 0
	for ; runes > 0 && at < len(text); runes-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}
