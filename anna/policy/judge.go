package policy

import (
	"errors"
	"fmt"

	"github.com/expr-lang/expr/vm"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// An Outcome is what judging a rule came to.
type Outcome string

// The outcomes.
const (
	Fires      Outcome = "fires"
	Silent     Outcome = "silent"
	CannotTell Outcome = "cannot_tell"
)

// A Verdict is what a rule says of the facts, of one object where it goes
// through a table.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	Object  string  `json:"object,omitempty"` // its key
	// Unknown is the fact that ended the judgement, and Why it is unknown.
	Unknown string `json:"unknown,omitempty"`
	Why     string `json:"why,omitempty"`
	// Title, Detail and Fix are there when it fires.
	Title  string `json:"title,omitempty"`
	Detail string `json:"detail,omitempty"`
	Fix    string `json:"fix,omitempty"`
}

// A Saw is a fact that a rule went by.
type Saw struct {
	Fact  string      `json:"fact"`
	Value facts.Value `json:"value"`
	Text  string      `json:"text"` // for people
}

// A Judge judges rules. It is not safe for concurrent use; making one is
// cheap.
type Judge struct {
	machine vm.VM
	env     map[string]any

	tree facts.Tree
	key  string
	expr *expression
	lost *facts.Ref // the unknown fact that was reached
	why  string
}

// NewJudge makes a judge.
func NewJudge() *Judge {
	j := &Judge{}
	j.env = environment(j)
	return j
}

// errUnknown ends an evaluation at an unknown fact.
var errUnknown = errors.New("an unknown fact was reached")

// answer is a fact on its way into an expression.
type answer struct{ v facts.Value }

func (a answer) flag() bool      { b, _ := a.v.Flag(); return b }
func (a answer) number() float64 { n, _ := a.v.Number(); return n }
func (a answer) text() string    { s, _ := a.v.Text(); return s }
func (a answer) list() []string  { l, _ := a.v.List(); return l }

// ask looks the reference with a number up.
func (j *Judge) ask(n any, want facts.Type) answer {
	ref := &j.expr.refs[n.(int)]
	v := j.tree.Get(*ref, j.key)
	if !v.Known() || v.Type() != want {
		j.lost, j.why = ref, v.Why()
		panic(errUnknown)
	}
	return answer{v}
}

func (j *Judge) known(n any) bool {
	return j.tree.Get(j.expr.asks[n.(int)], j.key).Known()
}

// run evaluates an expression. Without a result and without an error, a fact
// that was reached is unknown: j.lost.
func (j *Judge) run(e *expression) (out any, err error) {
	j.expr, j.lost = e, nil
	out, err = j.machine.Run(e.program, j.env)
	if j.lost != nil {
		return nil, nil
	}
	return out, err
}

// value is what an expression of a text comes to.
func (j *Judge) value(e *expression) facts.Value {
	if e.bare {
		return j.tree.Get(e.refs[0], j.key)
	}
	out, err := j.run(e)
	if err != nil {
		return facts.Unknown("it cannot be computed")
	}
	switch v := out.(type) {
	case bool:
		return facts.Flag(v)
	case float64:
		return facts.Num(v)
	case int:
		return facts.Num(v)
	case string:
		return facts.Str(v)
	case []string:
		return facts.Strs(append([]string{}, v...))
	}
	if j.lost != nil {
		return facts.Unknown(j.why)
	}
	return facts.Unknown("it has no value")
}

// one judges a rule by the facts; key names the object of its table.
func (j *Judge) one(r *Rule, t facts.Tree, key string) Verdict {
	j.tree, j.key = t, key
	v := Verdict{Object: key}
	out, err := j.run(r.when)
	switch {
	case j.lost != nil:
		v.Outcome, v.Unknown, v.Why = CannotTell, j.lost.Write(key), j.why
	case err != nil:
		v.Outcome, v.Unknown, v.Why = CannotTell, r.ID, fmt.Sprintf("it cannot be computed: %s", plainTypes(firstLine(err)))
	case out == true:
		v.Outcome = Fires
		v.Title, v.Detail, v.Fix = j.fill(r.title, false), j.fill(r.detail, false), j.fill(r.fix, true)
	default:
		v.Outcome = Silent
	}
	return v
}

// All judges a rule by the facts: one verdict, or one for each object of its
// table, which may have none. Where the table itself is unknown, it cannot
// tell.
func (j *Judge) All(r *Rule, t facts.Tree) []Verdict {
	if r.Each == "" {
		return []Verdict{j.one(r, t, "")}
	}
	keys, count := t.Keys(r.Each)
	if !count.Known() {
		return []Verdict{{Outcome: CannotTell, Unknown: r.Each, Why: count.Why()}}
	}
	list := make([]Verdict, 0, len(keys))
	for _, key := range keys {
		list = append(list, j.one(r, t, key))
	}
	return list
}

// Saw lists the facts of a rule's condition as they are.
func (r *Rule) Saw(t facts.Tree, key string) []Saw {
	list := make([]Saw, 0, len(r.reads))
	for _, ref := range r.reads {
		v := t.Get(ref, key)
		list = append(list, Saw{Fact: ref.Write(key), Value: v, Text: facts.Write(v, ref.Unit())})
	}
	return list
}

func firstLine(err error) string {
	s := err.Error()
	for i, c := range s {
		if c == '\n' {
			return s[:i]
		}
	}
	return s
}
