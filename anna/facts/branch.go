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
