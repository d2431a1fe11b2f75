package policy

import (
	"cmp"
	"crypto/sha256"
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

// over is a built-in rule with some keys changed.
func (d draft) over(original draft) draft {
	for key, e := range original.entries {
		if _, given := d.entries[key]; !given {
			d.entries[key] = e
		}
	}
	return d
}

var ruleID = lazily(`^[a-z][a-z0-9_]{0,63}$`)

// lazily compiles a pattern when it is first needed: every command of the
// program links this package, and few read rules.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// builder makes one rule of a draft and gathers what is wrong.
type builder struct {
	d        draft
	rule     *Rule
	problems []config.Problem
}

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
