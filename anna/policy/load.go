package policy

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// MaxRules bounds the rules of all files together.
const MaxRules = 2000

// A Loader turns files into rules. What a file holds is compiled once: a file
// that did not change costs nothing at the next load. It is safe for concurrent
// use.
type Loader struct {
	mu   sync.Mutex
	kept map[string]parsed // by path
}

// parsed is one file, compiled.
type parsed struct {
	sum      [sha256.Size]byte
	rules    []*Rule
	places   []int // of their ids
	problems []config.Problem
}

// Load compiles the built-in rules and those of files, in their order, which
// add to them or change them by id. The set is nil when there is an error among
// the problems.
func (l *Loader) Load(files []config.File) (*Set, []config.Problem) {
	own := builtin()
	l.mu.Lock()
	defer l.mu.Unlock()
	var problems []config.Problem
	rules := slices.Clone(own.set.Rules)
	type place struct {
		file config.File
		line int
	}
	taken := map[string]place{}
	kept := make(map[string]parsed, len(files))
	count := 0
	for _, f := range files {
		p, ok := l.kept[f.Path]
		if f.Sum == [sha256.Size]byte{} {
			f.Sum = sha256.Sum256(f.Data)
		}
		if !ok || p.sum != f.Sum {
			p = parse(f, own)
		}
		kept[f.Path] = p
		problems = append(problems, p.problems...)
		for i, r := range p.rules {
			if before, twice := taken[r.ID]; twice {
				problem := f.Problem(p.places[i], "id", fmt.Sprintf("there is a rule %q already: %s:%d", r.ID, before.file.Path, before.line))
				problem.Hint = "every rule has an id of its own; leave one of the two out"
				problems = append(problems, problem)
				continue
			}
			taken[r.ID] = place{f, r.Line}
			if r.Builtin { // they come first
				at := slices.IndexFunc(rules, func(o *Rule) bool { return o.ID == r.ID })
				rules[at] = r
				continue
			}
			if count++; count == MaxRules+1 {
				problems = append(problems, f.Problem(p.places[i], "id", fmt.Sprintf("there are more than %d rules", MaxRules)))
			}
			rules = append(rules, r)
		}
	}
	l.kept = kept
	if slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Severity == config.Error }) {
		return nil, problems
	}
	return newSet(rules), problems
}

// Load is Loader.Load, once.
func Load(files []config.File) (*Set, []config.Problem) { return new(Loader).Load(files) }

// Check is what config.Options wants: the problems of all files.
func Check(files []config.File) []config.Problem {
	_, problems := Load(files)
	return problems
}

// parse compiles a file. Rules that are wrong are left out of its list.
func parse(f config.File, own *builtins) parsed {
	p := parsed{sum: f.Sum}
	list, problems := drafts(f)
	p.problems = problems
	for _, d := range list {
		id, _ := d.entries["id"].Value.(string)
		original, changes := own.drafts[id]
		if changes {
			d = d.over(original)
		}
		rule, bad := d.rule()
		p.problems = append(p.problems, bad...)
		if rule == nil || len(bad) > 0 {
			continue
		}
		rule.Builtin, rule.Changed = changes, changes
		p.rules = append(p.rules, rule)
		p.places = append(p.places, d.entries["id"].At)
	}
	return p
}
