package policy

import (
	"embed"
	"path"
	"sync"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// Built-in advice is written in the language of the rules; each file is about
// one thing.
//
//go:embed builtin/*.toml
var embedded embed.FS

// builtins are the rules that come with anna.
type builtins struct {
	set      *Set
	drafts   map[string]draft
	problems []config.Problem // of which there are none: a test holds that
}

// builtin compiles them once.
var builtin = sync.OnceValue(func() *builtins {
	b := &builtins{drafts: map[string]draft{}}
	var rules []*Rule
	entries, err := embedded.ReadDir("builtin")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		name := path.Join("builtin", e.Name())
		data, err := embedded.ReadFile(name)
		if err != nil {
			panic(err)
		}
		list, problems := drafts(config.File{Path: name, Data: data})
		b.problems = append(b.problems, problems...)
		for _, d := range list {
			rule, problems := d.rule()
			b.problems = append(b.problems, problems...)
			if rule == nil {
				continue
			}
			if _, twice := b.drafts[rule.ID]; twice {
				b.problems = append(b.problems, d.file.Problem(d.at, "id", "there is a rule "+rule.ID+" already"))
				continue
			}
			rule.Builtin = true
			rules = append(rules, rule)
			b.drafts[rule.ID] = d
		}
	}
	b.set = newSet(rules)
	return b
})

// Builtin is the rules that come with anna, as they are without a file.
func Builtin() *Set { return builtin().set }
