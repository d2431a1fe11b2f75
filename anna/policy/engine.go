package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// An Engine judges rules again and again and turns what they say into findings
// that hold. A rule is judged anew only when a fact that it reads changed, or
// when time alone changes what it asks for. It is not safe for concurrent use.
type Engine struct {
	judge     *Judge
	set       *Set
	states    map[string]*state // by the finding's id
	rules     map[string]*judged
	acks      map[string]health.Ack
	adopt     map[string]Adopted
	number    uint64
	judgments uint64 // of rules so far; the tests hold that none is in vain
}

// judged is when a rule was judged last.
type judged struct {
	rule    *Rule
	version uint64
	at      time.Time
	blind   *Verdict // its table is unknown
}

// A state is how one rule stands for one object.
type state struct {
	rule    *Rule
	key     string
	tracker *health.Tracker
	verdict Verdict
	fired   Verdict // the newest that fired
	saw     []Saw   // then
	since   time.Time
	raised  time.Time // when it was told; zero: it is not
	stepped bool
	gone    bool // its object is
}

// NewEngine makes an engine without rules.
func NewEngine() *Engine {
	return &Engine{
		judge: NewJudge(), set: newSet(nil), states: map[string]*state{}, rules: map[string]*judged{},
		acks: map[string]health.Ack{}, adopt: map[string]Adopted{},
	}
}

// FindingID is the id of what a rule finds about an object.
func FindingID(rule, key string) string {
	if key == "" {
		return rule
	}
	return rule + ":" + key
}

// RuleOf is the rule that a finding's id names.
func RuleOf(finding string) string {
	id, _, _ := strings.Cut(finding, ":")
	return id
}

// Set is the rules that hold.
func (e *Engine) Set() *Set { return e.set }

// Use takes other rules. What stands of a rule that stays goes on; the next
// step takes back what stands of the others.
func (e *Engine) Use(set *Set) {
	e.set = set
	for id, j := range e.rules {
		if now := set.Find(id); now == nil || !now.Enabled {
			delete(e.rules, id)
		} else if now != j.rule {
			e.rules[id] = &judged{rule: now}
		}
	}
}

// Acknowledge sets an acknowledgement; one that is over takes it back.
func (e *Engine) Acknowledge(id string, a health.Ack) { e.acks[id] = a }

// A Change is a transition, with the rule that it is of.
type Change struct {
	health.Change
	Rule *Rule
	// Quiet: it stood before this daemon began, and was told then.
	Quiet bool
}

// A Timing says how long something must hold where its rule does not.
type Timing struct {
	Hold  time.Duration // before it is told, where the rule does not say
	Clear time.Duration // before it is taken back
	// AtOnce: nothing is waited for. For a look that is not repeated.
	AtOnce bool
}

// Step judges what has to be and returns what changed.
func (e *Engine) Step(now time.Time, t facts.Tree, timing Timing) []Change {
	var changes []Change
	for _, r := range e.set.Rules {
		if r.Enabled {
			e.look(r, now, t)
		}
	}
	var ids []string // of those for which something can happen
	there := objects{tree: t}
	for id, s := range e.states {
		current := e.rules[s.rule.ID]
		gone := current == nil || !there.has(current, s)
		if gone || s.tracker != nil || s.verdict.Outcome == Fires || len(e.adopt) > 0 {
			ids = append(ids, id)
		}
		s.gone = gone
	}
	slices.Sort(ids)
	for _, id := range ids {
		if e.states[id].gone {
			changes = e.drop(changes, id, now)
			continue
		}
		changes = e.move(changes, id, now, timing)
	}
	changes = e.orphans(changes, now, t)
	for i := range changes {
		e.number++
		changes[i].Number = e.number
	}
	return changes
}

// due says whether a rule has to be judged.
func (e *Engine) due(r *Rule, now time.Time, t facts.Tree) (*judged, bool) {
	version := uint64(1) // a rule can read nothing at all
	windowed := time.Duration(0)
	for _, name := range r.wants {
		version = max(version, t.Version(name))
	}
	for _, ref := range r.reads {
		if ref.Window != "" && (windowed == 0 || ref.Span < windowed) {
			windowed = ref.Span
		}
	}
	j := e.rules[r.ID]
	if j == nil {
		j = &judged{rule: r}
		e.rules[r.ID] = j
	}
	due := j.version != version
	if windowed > 0 { // the past moves on by itself
		due = j.at.IsZero() || now.Sub(j.at) >= min(max(windowed/60, 10*time.Second), 10*time.Minute)
	}
	j.version = version
	return j, due
}

func (e *Engine) look(r *Rule, now time.Time, t facts.Tree) {
	j, due := e.due(r, now, t)
	if !due {
		return
	}
	e.judgments++
	j.at, j.blind = now, nil
	for _, v := range e.judge.All(r, t) {
		if v.Object == "" && r.Each != "" {
			j.blind = &v
			continue
		}
		id := FindingID(r.ID, v.Object)
		s := e.states[id]
		if s == nil {
			s = &state{rule: r, key: v.Object}
			e.states[id] = s
		}
		s.rule, s.verdict = r, v
		if v.Outcome == Fires {
			s.fired, s.saw = v, r.Saw(t, v.Object)
		}
	}
}

// objects knows which objects there are, looked up once a step.
type objects struct {
	tree facts.Tree
	keys map[string]map[string]bool
}

// has says whether the object of a state is still there. While its table is
// unknown it is not gone.
func (o *objects) has(j *judged, s *state) bool {
	table := s.rule.Each
	if table == "" {
		return s.key == ""
	}
	if j.blind != nil {
		return s.key != ""
	}
	if o.keys[table] == nil {
		if o.keys == nil {
			o.keys = map[string]map[string]bool{}
		}
		keys, _ := o.tree.Keys(table)
		o.keys[table] = make(map[string]bool, len(keys))
		for _, key := range keys {
			o.keys[table][key] = true
		}
	}
	return o.keys[table][s.key]
}

// drop takes back what stands of a rule or an object that is gone.
func (e *Engine) drop(changes []Change, id string, now time.Time) []Change {
	s := e.states[id]
	delete(e.states, id)
	if s.raised.IsZero() {
		return changes
	}
	return append(changes, s.change(health.Resolved, e.finding(id, s, now), now))
}

func (s *state) change(kind string, f health.Finding, now time.Time) Change {
	c := Change{Rule: s.rule, Change: health.Change{Kind: kind, At: now, Finding: f, Raised: s.raised}}
	if kind == health.Resolved {
		c.LastedSec = now.Sub(s.since).Seconds()
	}
	return c
}

// move takes one state a step further: what has fired for long enough is raised,
// what has been silent for long enough is resolved.
func (e *Engine) move(changes []Change, id string, now time.Time, timing Timing) []Change {
	s := e.states[id]
	if s.verdict.Outcome == CannotTell {
		return changes // what stands stands: not to know is no health
	}
	before, stood := e.adopt[id]
	hold := s.rule.Hold(timing.Hold)
	if timing.AtOnce || stood && !s.stepped {
		hold = 0
	}
	if s.tracker == nil {
		if s.verdict.Outcome == Silent && !stood {
			return changes
		}
		s.tracker = health.NewTracker([]health.Check{{ID: id, RaiseAtOnce: health.Unknown}})
	}
	s.stepped = true
	delete(e.adopt, id)
	level := s.rule.Level.Health()
	v := health.Verdict{Detail: s.verdict.Detail}
	if s.verdict.Outcome == Fires {
		v.Level, v.Notice = level, level == health.OK
		if s.since.IsZero() {
			if s.since = now; stood {
				s.since = before.Since
			}
		}
	}
	clear := timing.Clear
	if timing.AtOnce {
		clear = 0
	}
	moved := s.tracker.Step(now, map[string]health.Verdict{id: v}, health.Timing{RaiseAfter: hold, ClearAfter: clear})
	if stood && s.verdict.Outcome == Silent { // it ended while nobody looked
		s.raised, s.since = before.Raised, before.Since
		c := s.change(health.Resolved, e.finding(id, s, now), now)
		s.raised, s.since = time.Time{}, time.Time{}
		return append(changes, c)
	}
	for _, m := range moved {
		switch m.Kind {
		case health.Raised:
			if s.raised = now; stood {
				s.raised = before.Raised
			}
			c := s.change(health.Raised, e.finding(id, s, now), now)
			c.Quiet = stood
			changes = append(changes, c)
		case health.Changed:
			changes = append(changes, s.change(health.Changed, e.finding(id, s, now), now))
		case health.Resolved:
			changes = append(changes, s.change(health.Resolved, e.finding(id, s, now), now))
			s.raised, s.since = time.Time{}, time.Time{}
		}
	}
	if s.verdict.Outcome == Silent && s.raised.IsZero() {
		s.tracker, s.since = nil, time.Time{} // as if it had never fired
	}
	return changes
}

func (e *Engine) finding(id string, s *state, now time.Time) health.Finding {
	f := health.Finding{
		ID: id, Level: s.rule.Level.Health(), Title: cmp.Or(s.fired.Title, id), Detail: s.fired.Detail, Fix: s.fired.Fix, Since: s.since,
	}
	if a, ok := e.acks[id]; ok && now.Before(a.Until) && f.Level <= a.Level {
		f.Acknowledged = &a
	}
	return f
}
