package policy

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A Level says how urgent what a rule says is.
type Level string

// The levels, by urgency.
const (
	Info     Level = "info"
	Warning  Level = "warning"
	Critical Level = "critical"
)

// Health is the level of its finding; Info is a notice, which is no warning.
func (l Level) Health() health.Level {
	switch l {
	case Critical:
		return health.Critical
	case Warning:
		return health.Warning
	}
	return health.OK
}

// An Action is what a rule that fires does.
type Action string

// The actions.
const (
	Raise Action = "finding" // a finding is raised, stored and told
	Log   Action = "log"     // a line in the log, and nothing else
)

// A Rule is one rule, checked and ready. It never changes and is safe for
// concurrent use.
type Rule struct {
	ID      string
	About   string // what it is for
	Level   Level
	Each    string // the table that it goes through; "" for once
	When    string // as written
	For     time.Duration
	Action  Action
	Refs    []string
	Enabled bool
	// File and Line are where it stands; Builtin says that it is anna's own,
	// and Changed that a file changed that.
	File    string
	Line    int
	Builtin bool
	Changed bool

	when               *expression
	title, detail, fix *template
	reads              []facts.Ref // of the condition, in its order
	wants              []string    // names of facts and of those that take a name: all of its texts as well
}

// Wants lists the names of all facts that the rule reads.
func (r *Rule) Wants() []string { return r.wants }

// Title, Detail and Fix are its texts as written.
func (r *Rule) Title() string  { return r.title.source() }
func (r *Rule) Detail() string { return r.detail.source() }
func (r *Rule) Fix() string    { return r.fix.source() }

// Hold is for how long a rule must fire before it is told; otherwise where it
// does not say.
func (r *Rule) Hold(otherwise time.Duration) time.Duration {
	if r.For < 0 {
		return otherwise
	}
	return r.For
}

// Place is where a rule stands: "built in", or file and line.
func (r *Rule) Place() string {
	if r.Builtin && !r.Changed {
		return "built in"
	}
	return cmp.Or(r.File, "?") + ":" + fmt.Sprint(r.Line)
}

// A Set is all rules that hold together, built-in ones first.
type Set struct {
	Rules []*Rule
	byID  map[string]*Rule
}

// Find finds a rule; nil when there is none.
func (s *Set) Find(id string) *Rule { return s.byID[id] }

// IDs lists all rules by name.
func (s *Set) IDs() []string {
	list := make([]string, len(s.Rules))
	for i, r := range s.Rules {
		list[i] = r.ID
	}
	return list
}

func newSet(rules []*Rule) *Set {
	s := &Set{Rules: rules, byID: make(map[string]*Rule, len(rules))}
	for _, r := range rules {
		s.byID[r.ID] = r
	}
	return s
}
