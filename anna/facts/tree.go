package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Branch is the facts of one kind, read together. It is built with Set, Add
// and Name, and not changed once it hangs on a Tree.
type Branch struct {
	At      time.Time // when it was read
	values  map[string]Value
	objects []Object // of a table, in the order of their keys
	named   map[string]map[string]Value
	missing Value // why the whole branch is unknown
	// rest is what a name that is not there is: false for installed().
	rest map[string]Value

	versions map[string]uint64 // by fact; set by Tree.With
}

// An Object is one thing of a table.
type Object struct {
	Key    string
	values map[string]Value
}

// NewBranch begins a branch.
func NewBranch() *Branch {
	return &Branch{values: map[string]Value{}, named: map[string]map[string]Value{}, rest: map[string]Value{}}
}

// NoBranch is a branch of which nothing is known, and why.
func NoBranch(why string) *Branch {
	b := NewBranch()
	b.missing = Unknown(why)
	return b
}

// Set gives a fact its value. A name or a type that is not in the table is a
// mistake in the program.
func (b *Branch) Set(name string, v Value) { put(b.values, name, v) }

// put refuses what the table does not know.
func put(into map[string]Value, name string, v Value) {
	row := Find(name)
	if row == nil {
		panic("facts: there is no fact " + name)
	}
	if v.Known() && v.Type() != row.Type {
		panic(fmt.Sprintf("facts: %s is a %s, not a %s", name, row.Type, v.Type()))
	}
	into[name] = v
}

// Add begins an object of a table and returns it.
func (b *Branch) Add(key string) *Object {
	at, found := slices.BinarySearchFunc(b.objects, key, func(o Object, key string) int { return strings.Compare(o.Key, key) })
	if !found {
		b.objects = slices.Insert(b.objects, at, Object{Key: key, values: map[string]Value{}})
	}
	return &b.objects[at]
}

// Set gives a fact of the object its value.
func (o *Object) Set(name string, v Value) { put(o.values, name, v) }

// Fact is a fact of the object.
func (o *Object) Fact(name string) Value { return o.values[name] }

// Name gives the answers of a fact that takes a name, and what every other name
// gets.
func (b *Branch) Name(fn string, answers map[string]Value, others Value) {
	b.named[fn], b.rest[fn] = answers, others
}

// Missing is why nothing of the branch is known; "" when it was read.
func (b *Branch) Missing() string {
	if b.missing.text == "" {
		return ""
	}
	return b.missing.Why()
}

// Objects are those of a table, in the order of their keys.
func (b *Branch) Objects() []Object { return b.objects }

// Named are the answers of a fact that takes a name.
func (b *Branch) Named(fn string) map[string]Value { return b.named[fn] }

// A History is what numbers were over a time.
type History interface {
	// Over answers a question about the past.
	Over(Past) Value
}

// A Past is a question about what a fact was.
type Past struct {
	Window  string // of Windows
	Series  string // that of [Row.Series], filled in
	Counter bool
	Span    time.Duration
	Now     time.Time
}

// A Tree is all facts at one moment. The zero Tree knows nothing. It never
// changes, and is safe for concurrent use.
type Tree struct {
	At       time.Time
	branches map[string]*Branch
	// windows are given answers, of a file with facts.
	windows map[string]Value
	history History
	version uint64
}

// With is the tree with a branch in the place of the old one. What is
// different has a new version.
func (t Tree) With(name string, b *Branch) Tree {
	if FindKind(name) == nil {
		panic("facts: there is no branch " + name)
	}
	next := t
	next.version++
	next.branches = maps.Clone(t.branches)
	if next.branches == nil {
		next.branches = map[string]*Branch{}
	}
	b.take(t.branches[name], next.version, name)
	next.branches[name] = b
	return next
}

// WithHistory is the tree with a memory.
func (t Tree) WithHistory(h History) Tree {
	t.history = h
	return t
}

// take compares a branch with the one before.
func (b *Branch) take(old *Branch, version uint64, name string) {
	b.versions = map[string]uint64{}
	for _, row := range Of(name) {
		v := version
		if old != nil && b.same(old, row.Name) {
			v = old.versions[row.Name]
		}
		b.versions[row.Name] = v
	}
	for _, f := range Funcs {
		if f.Branch != name {
			continue
		}
		v := version
		if old != nil && b.missing.Equal(old.missing) && maps.EqualFunc(b.named[f.Name], old.named[f.Name], Value.Equal) && b.rest[f.Name].Equal(old.rest[f.Name]) {
			v = old.versions[f.Name]
		}
		b.versions[f.Name] = v
	}
}

func (b *Branch) same(old *Branch, name string) bool {
	return b.missing.Equal(old.missing) && b.values[name].Equal(old.values[name]) &&
		slices.EqualFunc(b.objects, old.objects, func(x, y Object) bool {
			return x.Key == y.Key && x.values[name].Equal(y.values[name])
		})
}

// Version is a number that grows when the fact, or what a fact that takes a
// name says, changes anywhere.
func (t Tree) Version(name string) uint64 {
	branch, _, _ := strings.Cut(name, ".")
	if f := FindFunc(name); f != nil {
		branch = f.Branch
	}
	if b := t.branches[branch]; b != nil {
		return b.versions[name]
	}
	return 0
}

// Branch is a branch as it was read; nil when it was not.
func (t Tree) Branch(name string) *Branch { return t.branches[name] }

// Keys are the keys of a table's objects; the value says why they are not
// known.
func (t Tree) Keys(table string) ([]string, Value) {
	b := t.branches[table]
	switch {
	case b == nil:
		return nil, Unknown("it was not looked at")
	case b.missing.text != "":
		return nil, b.missing
	}
	keys := make([]string, len(b.objects))
	for i, o := range b.objects {
		keys[i] = o.Key
	}
	return keys, Num(len(keys))
}

// Fact is the value of a fact; key names the object where the branch is a
// table.
func (t Tree) Fact(name, key string) Value {
	row := Find(name)
	if row == nil {
		return Unknown("there is no such fact")
	}
	b := t.branches[row.Branch()]
	switch {
	case b == nil:
		return Unknown("it was not looked at")
	case b.missing.text != "":
		return b.missing
	case !FindKind(row.Branch()).Table():
		return b.values[name]
	}
	at, found := slices.BinarySearchFunc(b.objects, key, func(o Object, key string) int { return strings.Compare(o.Key, key) })
	if !found {
		return Unknownf("there is no %s %s", row.Branch(), key)
	}
	return b.objects[at].values[name]
}

// Named is the answer of a fact that takes a name.
func (t Tree) Named(fn, arg string) Value {
	f := FindFunc(fn)
	if f == nil {
		return Unknown("there is no such fact")
	}
	b := t.branches[f.Branch]
	switch {
	case b == nil:
		return Unknown("it was not looked at")
	case b.missing.text != "":
		return b.missing
	}
	if v, ok := b.named[fn][arg]; ok {
		return v
	}
	if v, ok := b.rest[fn]; ok {
		return v
	}
	return Unknown("it was not looked at")
}

// Window is what a fact was over a time.
func (t Tree) Window(window, name, key string, span time.Duration) Value {
	if v, ok := t.windows[WindowName(window, name, key, span)]; ok {
		return v
	}
	row := Find(name)
	switch {
	case row == nil || row.Series == "":
		return Unknown("it has no history")
	case t.history == nil:
		return Unknown("there is no history here")
	}
	series, why := t.series(row, key)
	if why != "" {
		return Unknown(why)
	}
	return t.history.Over(Past{Window: window, Series: series, Counter: row.Counter, Span: span, Now: t.At})
}

// series is the name of a fact's series.
func (t Tree) series(row *Row, key string) (series, why string) {
	if !strings.Contains(row.Series, "%s") {
		return row.Series, ""
	}
	label := t.Fact(row.Label, key)
	text, ok := label.Text()
	if !ok {
		return "", label.Why()
	}
	return fmt.Sprintf(row.Series, text), ""
}

// Series is the name of the series that remembers a fact; "" where none does.
func (t Tree) Series(name, key string) string {
	row := Find(name)
	if row == nil || row.Series == "" {
		return ""
	}
	series, _ := t.series(row, key)
	return series
}

// WindowName is how a window is written: avg(load.one, "1h"), with the object
// where there is one: rate(mount[/home].used_bytes, "6h").
func WindowName(window, name, key string, span time.Duration) string {
	return fmt.Sprintf("%s(%s, %q)", window, FactName(name, key), Span(span))
}

// FactName is a fact with its object: mount[/home].used_bytes.
func FactName(name, key string) string {
	branch, field, _ := strings.Cut(name, ".")
	if k := FindKind(branch); key == "" || k == nil || !k.Table() {
		return name
	}
	return branch + "[" + key + "]." + field
}

// Span writes a time as rules do: 90s, 15m, 6h, 30d.
func Span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if d >= u.unit && d%u.unit == 0 {
			return fmt.Sprintf("%d%s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
