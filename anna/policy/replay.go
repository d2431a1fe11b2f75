package policy

import (
	"context"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// maxSpells bounds what is listed of a past.
const maxSpells = 100

// Replay is what a rule would have found: at gives the facts of each moment,
// made from those of the moment before. Holding counts as it does for a daemon.
// The error is the context's.
func Replay(ctx context.Context, r *Rule, moments []time.Time, timing Timing, at func(before facts.Tree, t time.Time) facts.Tree) (Past, error) {
	p := Past{Fired: []Spell{}, Assumed: r.assumes()}
	if len(moments) == 0 {
		return p, nil
	}
	p.From = moments[0]
	alone := *r
	alone.Enabled = true
	e := NewEngine()
	e.Use(newSet([]*Rule{&alone}))
	open := map[string]int{} // number in Fired, by object
	var tree facts.Tree
	told := 0
	for _, now := range moments {
		if err := ctx.Err(); err != nil {
			return p, err
		}
		tree = at(tree, now)
		for _, c := range e.Step(now, tree, timing) {
			_, object := split(c.Finding.ID)
			switch c.Kind {
			case health.Raised:
				if len(p.Fired) == maxSpells {
					p.More++
					continue
				}
				open[object] = len(p.Fired)
				p.Fired = append(p.Fired, Spell{Object: object, Raised: now})
			case health.Resolved:
				if n, ok := open[object]; ok {
					p.Fired[n].Ended = now
					delete(open, object)
				}
			}
		}
		if v := e.unsure(r.ID); v == nil {
			told++
		} else {
			p.Unknown, p.Why = v.Unknown, v.Why
		}
	}
	p.Known = float64(told) / float64(len(moments))
	return p, nil
}

// unsure is a verdict of a rule that cannot tell.
func (e *Engine) unsure(id string) *Verdict {
	if j := e.rules[id]; j != nil && j.blind != nil {
		return j.blind
	}
	for _, s := range e.states {
		if s.rule.ID == id && s.verdict.Outcome == CannotTell {
			return &s.verdict
		}
	}
	return nil
}

func split(finding string) (rule, object string) {
	rule = RuleOf(finding)
	if len(rule) < len(finding) {
		object = finding[len(rule)+1:]
	}
	return rule, object
}

// assumes lists the facts of the condition that are taken as they are now when
// the past is judged.
func (r *Rule) assumes() []string {
	var list []string
	for _, ref := range r.reads {
		name := ref.Write("")
		if Assumed(ref.Name()) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Assumed says whether a fact is taken as it is now when the past is judged:
// those that rarely change, and what is installed.
func Assumed(name string) bool {
	if row := facts.Find(name); row != nil {
		return row.Lasting
	}
	return name == "installed" || name == "version"
}
