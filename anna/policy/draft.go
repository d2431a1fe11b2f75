package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// A draft is a rule as it was written: its keys in their places.
type draft struct {
	file    config.File
	line    int
	at      int
	entries map[string]entry
}

type entry struct {
	config.Entry
	file config.File // a built-in's, where the rule only changes others of its keys
}

// keys are those of a rule, in the order in which people write them.
var keys = []string{"id", "about", "level", "each", "when", "for", "title", "detail", "fix", "refs", "action", "enabled"}

// drafts takes a file apart.
func drafts(f config.File) ([]draft, []config.Problem) {
	tables, broken := f.Tables()
	if broken != nil {
		return nil, []config.Problem{*broken}
	}
	var list []draft
	var problems []config.Problem
	bad := func(at int, key, message, hint, suggestion string) {
		p := f.Problem(at, key, message)
		p.Hint, p.Suggestion = hint, suggestion
		problems = append(problems, p)
	}
	for _, t := range tables {
		switch {
		case t.Name == "" && len(t.Entries) == 0:
			continue
		case t.Name == "":
			bad(t.Entries[0].At, t.Entries[0].Key, "a key stands before the first rule", "begin each rule with a line [[rule]]", "")
			continue
		case t.Name == "rule" && !t.List:
			bad(t.At, "rule", "a rule begins with two brackets", "", "[[rule]]")
			continue
		case t.Name == "policy" || strings.HasPrefix(t.Name, "policy."):
			bad(t.At, t.Name, "this is the policy.toml of version 0.12.6, which said what anna may repair: anna repairs nothing any more", "delete the file, or write rules: [[rule]]", "")
			continue
		case t.Name != "rule":
			bad(t.At, t.Name, fmt.Sprintf("there is no section [%s] in a file of rules", t.Name), "each rule begins with a line [[rule]]", "")
			continue
		}
		d := draft{file: f, at: t.At, entries: map[string]entry{}}
		d.line = f.Problem(t.At, "", "").Line
		for _, e := range t.Entries {
			if !slices.Contains(keys, e.Key) {
				bad(e.At, e.Key, fmt.Sprintf("a rule has no key %q", e.Key), "its keys: "+strings.Join(keys, ", "), nearest.Of(e.Key, keys))
				continue
			}
			d.entries[e.Key] = entry{e, f}
		}
		list = append(list, d)
	}
	return list, problems
}

// over is a built-in rule with some keys changed.
func (d draft) over(original draft) draft {
	for key, e := range original.entries {
		if _, given := d.entries[key]; !given {
			d.entries[key] = e
		}
	}
	return d
}
