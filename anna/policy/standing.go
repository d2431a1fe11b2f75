package policy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// Advice is what a rule says, with what it goes by.
type Advice struct {
	ID     string      `json:"id"` // of the finding: RULE or RULE:OBJECT
	Rule   string      `json:"rule"`
	Object string      `json:"object,omitempty"`
	Level  Level       `json:"level"`
	Title  string      `json:"title"`
	Detail string      `json:"detail"`
	Fix    string      `json:"fix,omitempty"`
	Refs   []string    `json:"refs,omitempty"`
	Since  time.Time   `json:"since"`
	Raised bool        `json:"raised"`             // false: it has not held for long enough yet
	Hold   float64     `json:"hold_sec,omitempty"` // that it must hold, of one that is not raised
	Saw    []Saw       `json:"saw"`
	Place  string      `json:"place"` // "built in", or file and line
	Snooze *health.Ack `json:"snoozed,omitempty"`
	// Unknown is the fact for which it cannot tell whether it is still so.
	Unknown string `json:"unknown,omitempty"`
	Why     string `json:"why,omitempty"`
}

// An Unsure rule cannot tell.
type Unsure struct {
	ID      string `json:"id"`
	Rule    string `json:"rule"`
	About   string `json:"about"`
	Unknown string `json:"unknown"`
	Why     string `json:"why"`
}

// A Standing is everything that the rules say at one moment.
type Standing struct {
	At     time.Time `json:"at"`
	Advice []Advice  `json:"advice"`      // what is raised, by urgency; then what has not held yet
	Unsure []Unsure  `json:"cannot_tell"` // what is not known
	Silent []string  `json:"silent"`      // rules that are enabled and find nothing
	Off    []string  `json:"disabled"`    // rules
	Rules  int       `json:"rules"`
}

// Standing is how everything stands.
func (e *Engine) Standing(now time.Time, timing Timing) Standing {
	out := Standing{At: now, Advice: []Advice{}, Unsure: []Unsure{}, Silent: []string{}, Off: []string{}, Rules: len(e.set.Rules)}
	loud := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(e.states)) {
		s := e.states[id]
		r := s.rule
		fires := s.verdict.Outcome == Fires
		if !s.raised.IsZero() || fires {
			loud[r.ID] = true
			a := Advice{
				ID: id, Rule: r.ID, Object: s.key, Level: r.Level, Title: s.fired.Title, Detail: s.fired.Detail, Fix: s.fired.Fix,
				Refs: r.Refs, Since: s.since, Raised: !s.raised.IsZero(), Saw: s.saw, Place: r.Place(), Snooze: e.finding(id, s, now).Acknowledged,
				Unknown: s.verdict.Unknown, Why: s.verdict.Why,
			}
			if !a.Raised {
				a.Hold = r.Hold(timing.Hold).Seconds()
			}
			if a.Saw == nil {
				a.Saw = []Saw{}
			}
			out.Advice = append(out.Advice, a)
		} else if s.verdict.Outcome == CannotTell {
			loud[r.ID] = true
			out.Unsure = append(out.Unsure, Unsure{ID: id, Rule: r.ID, About: r.About, Unknown: s.verdict.Unknown, Why: s.verdict.Why})
		}
	}
	for _, r := range e.set.Rules {
		j := e.rules[r.ID]
		switch {
		case !r.Enabled:
			out.Off = append(out.Off, r.ID)
		case j != nil && j.blind != nil:
			if !loud[r.ID] {
				out.Unsure = append(out.Unsure, Unsure{ID: r.ID, Rule: r.ID, About: r.About, Unknown: j.blind.Unknown, Why: j.blind.Why})
			}
		case !loud[r.ID]:
			out.Silent = append(out.Silent, r.ID)
		}
	}
	slices.SortStableFunc(out.Advice, func(a, b Advice) int {
		return cmp.Or(cmp.Compare(quiet(a), quiet(b)), cmp.Compare(urgency(b.Level), urgency(a.Level)))
	})
	slices.SortStableFunc(out.Unsure, func(a, b Unsure) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func quiet(a Advice) int {
	switch {
	case !a.Raised:
		return 1
	case a.Snooze != nil:
		return 2
	}
	return 0
}

func urgency(l Level) int { return slices.Index([]Level{Info, Warning, Critical}, l) }
