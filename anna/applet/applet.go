// Package applet describes one capability of anna: a row of the dispatch table
// that holds both halves, what a person can type and what the daemon answers.
//
// The table itself is applets.Table. Help, the method list, access checks and
// the documents follow from the rows; nothing registers itself.
//
//	var Row = applet.Row{
//		Name: "status", Summary: "the first look",
//		Commands: func() []*console.Command { return []*console.Command{command()} },
//		Methods: []applet.Method{{
//			Spec:   rpc.Spec{Name: "get_status", Summary: "...", Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true},
//			Result: Status{}, Serve: serve,
//		}},
//	}
package applet

import (
	"errors"
	"fmt"
	"maps"
	"regexp"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// A Row is one capability.
type Row struct {
	Name     string
	Summary  string                    // one line
	Commands func() []*console.Command // made anew for each use: flags hold values; nil: none
	Methods  []Method
	// Gone are methods of v0.12.6 that nothing answers: what to use instead.
	Gone map[string]string
}

// A Method is one thing that the daemon answers.
type Method struct {
	rpc.Spec
	// Params and Result are zero values of what crosses the socket; the
	// documents are made from them. Nil: none.
	Params, Result any
	Serve          func(*host.Host, *rpc.Request) (any, error)
	// Old says that it is a name of v0.12.6, kept for its clients.
	Old bool
}

// A Table is every capability, in the order of the help.
type Table []Row

// Check refuses a table with duplicates or half rows: a program that would answer
// with the wrong row must not answer at all. It runs at every start of a daemon,
// and in the tests.
func (t Table) Check() error {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	methodName := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	rows, methods := map[string]bool{}, map[string]bool{}
	for i, r := range t {
		switch {
		case r.Name == "":
			bad("row %d has no name", i)
		case rows[r.Name]:
			bad("row %q stands there twice", r.Name)
		case r.Summary == "":
			bad("row %q has no summary", r.Name)
		case r.Commands == nil && len(r.Methods) == 0 && len(r.Gone) == 0:
			bad("row %q has neither commands nor methods", r.Name)
		}
		rows[r.Name] = true
		for _, m := range r.Methods {
			switch {
			case !methodName.MatchString(m.Name):
				bad("row %q has a method with the name %q", r.Name, m.Name)
			case methods[m.Name]:
				bad("method %q stands there twice", m.Name)
			case m.Summary == "" || m.Kind == "" || m.Access == "" || m.Serve == nil:
				bad("method %q lacks its summary, kind, access or handler", m.Name)
			}
			methods[m.Name] = true
		}
	}
	tree := t.Commands()
	if err := console.Check(tree); err != nil {
		problems = append(problems, err)
	}
	for name := range t.Gone() {
		if methods[name] {
			bad("method %q is answered, and is said to be gone", name)
		}
	}
	for _, name := range calls(tree) {
		if !methods[name] {
			bad("a command calls %q, which no row answers", name)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("cannot use the dispatch table: %w", err)
	}
	return nil
}

func calls(tree []*console.Command) []string {
	var out []string
	for _, c := range tree {
		out = append(out, c.Calls...)
		out = append(out, calls(c.Sub)...)
	}
	return out
}

// Commands makes the command tree.
func (t Table) Commands() []*console.Command {
	var tree []*console.Command
	for _, r := range t {
		if r.Commands != nil {
			tree = append(tree, r.Commands()...)
		}
	}
	return tree
}

// Spec finds a method's row.
func (t Table) Spec(method string) (rpc.Spec, bool) {
	for _, r := range t {
		for _, m := range r.Methods {
			if m.Name == method {
				return m.Spec, true
			}
		}
	}
	return rpc.Spec{}, false
}

// MethodNames lists every method.
func (t Table) MethodNames() []string {
	var names []string
	for _, r := range t {
		for _, m := range r.Methods {
			names = append(names, m.Name)
		}
	}
	return names
}

// Gone are the methods of v0.12.6 that no row answers, each with what to use
// instead.
func (t Table) Gone() map[string]string {
	all := map[string]string{}
	for _, r := range t {
		maps.Copy(all, r.Gone)
	}
	return all
}

// Serve binds the methods to a host.
func (t Table) Serve(h *host.Host) []rpc.Method {
	var out []rpc.Method
	for _, r := range t {
		for _, m := range r.Methods {
			out = append(out, rpc.Method{Spec: m.Spec, Handle: func(req *rpc.Request) (any, error) { return m.Serve(h, req) }})
		}
	}
	return out
}
