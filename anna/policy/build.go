package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

var ruleID = lazily(`^[a-z][a-z0-9_]{0,63}$`)

// lazily compiles a pattern when it is first needed: every command of the
// program links this package, and few read rules.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// A builder makes one rule of a draft and gathers what is wrong.
type builder struct {
	d        draft
	rule     *Rule
	problems []config.Problem
}

// rule checks what was written and compiles it. The rule is nil where something
// is wrong with it.
func (d draft) rule() (*Rule, []config.Problem) {
	b := &builder{d: d, rule: &Rule{File: d.file.Path, Line: d.line, Enabled: true, Level: Warning, Action: Raise, For: -1}}
	r := b.rule
	if b.need("id") {
		r.ID = b.text("id")
		if r.ID != "" && !ruleID().MatchString(r.ID) {
			b.bad("id", "an id is small letters, digits and _, at most 64, and begins with a letter", "")
		}
	}
	r.About = b.text("about")
	r.Level = Level(b.word("level", string(Warning), string(Info), string(Warning), string(Critical)))
	r.Action = Action(b.word("action", string(Raise), string(Raise), string(Log)))
	r.Each = b.each()
	if b.need("when") {
		b.when()
	}
	b.hold()
	if b.need("title") {
		r.title = b.template("title")
	}
	r.detail, r.fix = b.template("detail"), b.template("fix")
	b.refs()
	b.enabled()
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	r.wants = b.wants()
	return r, nil
}

// bad notes a problem at the value of a key.
func (b *builder) bad(key, message, hint string) *config.Problem {
	e := b.d.entries[key]
	p := e.file.Problem(e.ValueAt, key, message)
	p.Hint = hint
	b.problems = append(b.problems, p)
	return &b.problems[len(b.problems)-1]
}

func (b *builder) need(key string) bool {
	if _, ok := b.d.entries[key]; ok {
		return true
	}
	p := b.d.file.Problem(b.d.at, key, fmt.Sprintf("the rule has no %s", key))
	b.problems = append(b.problems, p)
	return false
}

func (b *builder) text(key string) string {
	e, ok := b.d.entries[key]
	if !ok {
		return ""
	}
	s, ok := e.Value.(string)
	switch {
	case !ok:
		b.bad(key, key+" is a text in quotes", "")
	case len(s) > maxTemplate:
		b.bad(key, key+" is longer than 2000 bytes", "")
	}
	return s
}

func (b *builder) word(key, otherwise string, words ...string) string {
	if _, ok := b.d.entries[key]; !ok {
		return otherwise
	}
	s, ok := b.d.entries[key].Value.(string)
	if !ok || !slices.Contains(words, s) {
		p := b.bad(key, fmt.Sprintf("%s is one of: %s", key, strings.Join(words, ", ")), "")
		if near := nearest.Of(s, words); near != "" {
			p.Suggestion = fmt.Sprintf("%q", near)
		}
	}
	return s
}

func (b *builder) each() string {
	s := b.text("each")
	if s == "" {
		return ""
	}
	var tables []string
	for _, k := range facts.Kinds {
		if k.Table() {
			tables = append(tables, k.Name)
		}
	}
	return b.word("each", "", tables...)
}

// fault notes what is wrong within a text.
func (b *builder) fault(key string, f *fault) {
	e := b.d.entries[key]
	p := e.file.Problem(e.file.TextOffset(e.ValueAt, f.at), key, f.message)
	p.Hint, p.Suggestion = f.hint, f.suggestion
	b.problems = append(b.problems, p)
}

func (b *builder) when() {
	text, ok := b.d.entries["when"].Value.(string)
	if !ok {
		b.bad("when", "when is a condition in quotes, as 'memory.available_percent < 5'", "")
		return
	}
	e, bad := compile(text, b.rule.Each)
	if bad == nil && e.typ != facts.Bool {
		bad = &fault{message: fmt.Sprintf("a condition is true or false; this is a %s", e.typ)}
	}
	if bad != nil {
		b.fault("when", bad)
		return
	}
	b.rule.When, b.rule.when = text, e
	b.rule.reads = slices.Clone(e.refs)
	for _, ref := range e.asks {
		if !slices.Contains(b.rule.reads, ref) {
			b.rule.reads = append(b.rule.reads, ref)
		}
	}
}

func (b *builder) template(key string) *template {
	if _, ok := b.d.entries[key]; !ok {
		return nil
	}
	text, ok := b.d.entries[key].Value.(string)
	if !ok {
		b.bad(key, key+" is a text in quotes", "")
		return nil
	}
	t, bad := parseTemplate(text, b.rule.Each)
	if bad != nil {
		b.fault(key, bad)
	}
	return t
}

// maxFor bounds how long something must hold.
const maxFor = 7 * 24 * time.Hour

func (b *builder) hold() {
	if _, ok := b.d.entries["for"]; !ok {
		return
	}
	s, _ := b.d.entries["for"].Value.(string)
	d, err := config.ParseDuration(s)
	if err != nil || d > maxFor {
		b.bad("for", "for is a time up to 7d: \"0s\", \"10m\", \"6h\"", "")
		return
	}
	b.rule.For = d
}

func (b *builder) refs() {
	e, ok := b.d.entries["refs"]
	if !ok {
		return
	}
	list, ok := e.Value.([]any)
	for _, one := range list {
		s, is := one.(string)
		ok = ok && is && len(s) <= maxTemplate
		b.rule.Refs = append(b.rule.Refs, s)
	}
	if !ok || len(list) > 20 {
		b.bad("refs", "refs is a list of at most 20 texts", "")
	}
}

func (b *builder) enabled() {
	e, ok := b.d.entries["enabled"]
	if !ok {
		return
	}
	on, ok := e.Value.(bool)
	if !ok {
		b.bad("enabled", "enabled is true or false, without quotes", "")
	}
	b.rule.Enabled = on
}

// wants are the names of all facts that the rule touches.
func (b *builder) wants() []string {
	var names []string
	add := func(list []facts.Ref) {
		for _, ref := range list {
			if !slices.Contains(names, ref.Name()) {
				names = append(names, ref.Name())
			}
		}
	}
	r := b.rule
	add(r.reads)
	for _, t := range []*template{r.title, r.detail, r.fix} {
		add(t.refs())
	}
	if r.Each != "" { // which objects there are
		key := r.Each + "." + facts.FindKind(r.Each).Key
		if !slices.Contains(names, key) {
			names = append(names, key)
		}
	}
	return names
}
