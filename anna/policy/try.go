package policy

import (
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// A Trial is what rules that are not in force come to.
type Trial struct {
	Problems []config.Problem `json:"problems"`
	At       time.Time        `json:"at"` // of the facts
	Rules    []Tried          `json:"rules"`
	Set      *Set             `json:"-"` // nil when there is an error among the problems
}

// Tried is one of its rules.
type Tried struct {
	ID       string    `json:"id"`
	Level    Level     `json:"level"`
	Enabled  bool      `json:"enabled"`
	Changes  bool      `json:"changes_built_in"` // it changes a rule that comes with anna
	Verdicts []Verdict `json:"verdicts"`
	Saw      []Saw     `json:"saw"`
	Past     *Past     `json:"past,omitempty"`
}

// Past is what a rule would have found in a time that is over.
type Past struct {
	From time.Time `json:"from"`
	// Fired are the times at which it would have been raised.
	Fired []Spell `json:"fired"`
	More  int     `json:"more,omitempty"` // beyond those listed
	// Known says for how much of the time it could be told, 0 to 1.
	Known float64 `json:"known_share"`
	// Why it cannot be told at all, or for parts of the time.
	Unknown string `json:"unknown,omitempty"`
	Why     string `json:"why,omitempty"`
	// Assumed are facts without a history that were taken as they are now.
	Assumed []string `json:"assumed,omitempty"`
}

// A Spell is a time for which a finding would have stood.
type Spell struct {
	Object string    `json:"object,omitempty"`
	Raised time.Time `json:"raised"`
	Ended  time.Time `json:"ended,omitzero"` // zero: it still would
}

// Try judges the rules of files by facts, without memory.
func Try(files []config.File, t facts.Tree, now time.Time) Trial {
	set, problems := Load(files)
	trial := Trial{Problems: problems, At: t.At, Rules: []Tried{}, Set: set}
	if trial.Problems == nil {
		trial.Problems = []config.Problem{}
	}
	if set == nil {
		return trial
	}
	judge := NewJudge()
	given := map[string]bool{}
	for _, f := range files {
		given[f.Path] = true
	}
	for _, r := range set.Rules {
		if !given[r.File] {
			continue
		}
		one := Tried{ID: r.ID, Level: r.Level, Enabled: r.Enabled, Changes: r.Changed, Verdicts: judge.All(r, t), Saw: []Saw{}}
		for _, v := range one.Verdicts {
			for _, s := range r.Saw(t, v.Object) {
				if !slices.ContainsFunc(one.Saw, func(o Saw) bool { return o.Fact == s.Fact }) {
					one.Saw = append(one.Saw, s)
				}
			}
		}
		trial.Rules = append(trial.Rules, one)
	}
	return trial
}
