package facts

import (
	"fmt"
	"strings"
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
	if r.Func != "" || r.Window == "rate" {
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
		return windowName(r.Window, r.Fact, key, r.Span)
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

// windowName is how a window is written: avg(load.one, "1h"), with the object
// where there is one: rate(mount[/home].used_bytes, "6h").
func windowName(window, name, key string, span time.Duration) string {
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
