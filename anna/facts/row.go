package facts

import (
	"strings"
	"sync"
)

// A Unit is what a number counts.
type Unit string

// The units.
const (
	None    Unit = ""
	Bytes   Unit = "bytes"
	Seconds Unit = "seconds"
	Percent Unit = "percent" // 0 to 100
	Celsius Unit = "°C"
)

// A Row is one fact that there can be.
type Row struct {
	Name   string // BRANCH.NAME
	Type   Type
	Unit   Unit
	Doc    string // one sentence, or a clause
	Source string // where it is read; what it needs
	// Series is the telemetry series that remembers it; a %s in it stands for
	// what Label names. "": it has no history.
	Series string
	Label  string
	// Counter: it only grows, and begins anew at 0.
	Counter bool
	// Lasting facts are taken as they are now when the past is judged: they
	// change rarely, or only with the machine.
	Lasting bool
}

// Branch is the part of the name before the dot.
func (r Row) Branch() string {
	branch, _, _ := strings.Cut(r.Name, ".")
	return branch
}

// Field is the part of the name after the dot.
func (r Row) Field() string {
	_, field, _ := strings.Cut(r.Name, ".")
	return field
}

// A Kind is a branch: what it is about, and how often it is read.
type Kind struct {
	Name string
	// Key is the field that tells the objects of a table apart, and what
	// `each` goes through; "" where the branch is no table.
	Key string
	Doc string
	// Every is how old its figures can be, in words.
	Every string
}

// Table says whether there is one object for each thing of the kind.
func (k Kind) Table() bool { return k.Key != "" }

// A Func is a fact that takes a name: installed("linux").
type Func struct {
	Name   string
	Arg    string // what the name is of
	Type   Type
	Branch string
	Doc    string
}

// A Window is a fact about what a number was over a time: avg(load.one, "1h").
type Window struct {
	Name string
	Doc  string
}

// The tables by name are made by the first who asks: every command has them in
// its program, and few ask.
var (
	rowByName    = sync.OnceValue(func() map[string]*Row { return index(Rows, func(r *Row) string { return r.Name }) })
	kindByName   = sync.OnceValue(func() map[string]*Kind { return index(Kinds, func(k *Kind) string { return k.Name }) })
	funcByName   = sync.OnceValue(func() map[string]*Func { return index(Funcs, func(f *Func) string { return f.Name }) })
	windowByName = sync.OnceValue(func() map[string]*Window { return index(Windows, func(w *Window) string { return w.Name }) })
)

func index[T any](table []T, name func(*T) string) map[string]*T {
	byName := make(map[string]*T, len(table))
	for i := range table {
		byName[name(&table[i])] = &table[i]
	}
	return byName
}

// Find finds a fact by its whole name; nil when there is none.
func Find(name string) *Row { return rowByName()[name] }

// FindKind finds a branch.
func FindKind(name string) *Kind { return kindByName()[name] }

// FindFunc finds a fact that takes a name.
func FindFunc(name string) *Func { return funcByName()[name] }

// FindWindow finds a fact about a time.
func FindWindow(name string) *Window { return windowByName()[name] }

// Of lists the facts of a branch, in the order of the table.
func Of(branch string) []Row {
	var list []Row
	for _, r := range Rows {
		if r.Branch() == branch {
			list = append(list, r)
		}
	}
	return list
}

// Rest is what a fact that takes a name says of a name that is not there, once
// those that are there are known.
func Rest(fn string) Value {
	f := FindFunc(fn)
	switch {
	case f != nil && f.Type == Bool:
		return Flag(false)
	case f != nil:
		return Unknown("there is no such " + f.Arg)
	}
	return Unknown("there is no such fact")
}

// Names lists every fact.
func Names() []string {
	list := make([]string, len(Rows))
	for i, r := range Rows {
		list[i] = r.Name
	}
	return list
}
