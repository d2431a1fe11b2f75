package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

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

// Only is the tree with some branches alone.
func (t Tree) Only(names ...string) Tree {
	next := t
	next.branches = map[string]*Branch{}
	for _, name := range names {
		if b := t.branches[name]; b != nil {
			next.branches[name] = b
		}
	}
	return next
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
	if v, ok := t.windows[windowName(window, name, key, span)]; ok {
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
