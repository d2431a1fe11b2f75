package facts

import (
	"fmt"
	"time"
)

// A Ref is what a rule can ask for: a fact, a fact that takes a name, or what a
// fact was over a time.
type Ref struct {
	Fact   string // of Rows; "" for a Func
	Func   string // of Funcs
	Arg    string
	Window string // of Windows
	Span   time.Duration
}

// Name is the fact's name, or that of the one that takes a name.
func (r Ref) Name() string {
	if r.Func != "" {
		return r.Func
	}
	return r.Fact
}

// Type is that of its value.
func (r Ref) Type() Type {
	if r.Func != "" {
		return FindFunc(r.Func).Type
	}
	return Find(r.Fact).Type
}

// Unit is that of its value.
func (r Ref) Unit() Unit {
	switch {
	case r.Func != "" || r.Window == "rate":
		return None
	}
	return Find(r.Fact).Unit
}

// Write is the reference as a rule has it, with the object where there is one.
func (r Ref) Write(key string) string {
	switch {
	case r.Func != "":
		return fmt.Sprintf("%s(%q)", r.Func, r.Arg)
	case r.Window != "":
		return WindowName(r.Window, r.Fact, key, r.Span)
	}
	return FactName(r.Fact, key)
}

// Get looks a reference up; key names the object of the table that the rule
// goes through.
func (t Tree) Get(r Ref, key string) Value {
	switch {
	case r.Func != "":
		return t.Named(r.Func, r.Arg)
	case r.Window != "":
		return t.Window(r.Window, r.Fact, key, r.Span)
	}
	return t.Fact(r.Fact, key)
}
