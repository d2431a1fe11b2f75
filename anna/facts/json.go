package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// MarshalJSON writes the tree as `anna facts --json` does: a branch is an
// object, a table a list of objects, an unknown fact {"unknown": "why"}; a
// branch of which nothing is known is unknown as a whole. Answers by name stand
// under the name of their question.
func (t Tree) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	comma := func() {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
	}
	member := func(name string, v any) error {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		comma()
		fmt.Fprintf(&b, "%q:", name)
		b.Write(data)
		return nil
	}
	if !t.At.IsZero() {
		if err := member("at", t.At.UTC()); err != nil {
			return nil, err
		}
	}
	for _, k := range Kinds {
		branch := t.branches[k.Name]
		if branch == nil {
			continue
		}
		if err := member(k.Name, branch.plain(k)); err != nil {
			return nil, err
		}
	}
	for _, f := range Funcs {
		branch := t.branches[f.Branch]
		if branch == nil || branch.missing.text != "" || branch.named[f.Name] == nil || f.Name == "installed" && branch.named["version"] != nil {
			continue // what has a version is installed
		}
		if err := member(f.Name, branch.named[f.Name]); err != nil {
			return nil, err
		}
	}
	if len(t.windows) > 0 {
		if err := member("history", t.windows); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// fields are facts in the order of the table.
type fields struct {
	branch string
	values map[string]Value
}

func (f fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, row := range Of(f.branch) {
		v, ok := f.values[row.Name]
		if !ok {
			continue
		}
		data, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", row.Field())
		b.Write(data)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (b *Branch) plain(k Kind) any {
	switch {
	case b.missing.text != "":
		return b.missing
	case !k.Table():
		return fields{k.Name, b.values}
	}
	list := make([]fields, len(b.objects))
	for i, o := range b.objects {
		list[i] = fields{k.Name, o.values}
	}
	return list
}

// maxFile bounds a file with facts.
const maxFile = 4 << 20

// Read reads what MarshalJSON wrote, or somebody by hand. What it does not name
// is unknown: "it is not in the file". A name or a type that is not in the
// table is an error.
func Read(r io.Reader) (Tree, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Tree{}, err
	}
	if len(data) > maxFile {
		return Tree{}, errors.New("it is larger than 4 MB")
	}
	var t Tree
	err = json.Unmarshal(data, &t)
	return t, err
}

// notInFile is what a file does not say.
const notInFile = "it is not in the file"

// UnmarshalJSON reads a tree: see [Read].
func (t *Tree) UnmarshalJSON(data []byte) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return fmt.Errorf("facts are one JSON object: %w", err)
	}
	next := Tree{windows: map[string]Value{}}
	branches := map[string]*Branch{}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if k := FindKind(name); k != nil {
			b, err := readBranch(*k, parts[name])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			branches[name] = b
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		var err error
		switch {
		case FindKind(name) != nil:
		case FindFunc(name) != nil:
			err = readNamed(*FindFunc(name), parts[name], branches)
		case name == "history":
			err = json.Unmarshal(parts[name], &next.windows)
		case name == "at":
			var at time.Time
			err = json.Unmarshal(parts[name], &at)
			next.At = at
		default:
			err = errors.New("there is no such branch of facts")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, k := range Kinds {
		b := branches[k.Name]
		if b == nil {
			b = NoBranch(notInFile)
		}
		next = next.With(k.Name, b)
	}
	*t = next
	return nil
}

func readBranch(k Kind, data json.RawMessage) (*Branch, error) {
	b := NewBranch()
	var whole Value
	if json.Unmarshal(data, &whole) == nil && !whole.Known() {
		return NoBranch(whole.Why()), nil
	}
	if !k.Table() {
		return b, readFields(k.Name, data, b.values)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, errors.New("it is a list of objects")
	}
	if len(list) > MaxList {
		return nil, fmt.Errorf("it has %d objects: at most %d are looked at", len(list), MaxList)
	}
	for i, one := range list {
		values := map[string]Value{}
		if err := readFields(k.Name, one, values); err != nil {
			return nil, fmt.Errorf("object %d: %w", i+1, err)
		}
		key, ok := values[k.Name+"."+k.Key].Text()
		if !ok || key == "" {
			return nil, fmt.Errorf("object %d has no %q", i+1, k.Key)
		}
		o := b.Add(key)
		if len(o.values) > 0 {
			return nil, fmt.Errorf("%q %q stands there twice", k.Key, key)
		}
		o.values = values
	}
	return b, nil
}

// readFields reads the facts of a branch or an object; those that it does not
// name are unknown.
func readFields(branch string, data json.RawMessage, into map[string]Value) error {
	var given map[string]Value
	if err := json.Unmarshal(data, &given); err != nil {
		if errors.Is(err, errValue) {
			return errValue
		}
		return fmt.Errorf("it is an object of facts: %w", err)
	}
	for _, row := range Of(branch) {
		into[row.Name] = Unknown(notInFile)
	}
	for _, field := range slices.Sorted(maps.Keys(given)) {
		name, v := branch+"."+field, given[field]
		row := Find(name)
		if row == nil {
			return fmt.Errorf("there is no fact %s", name)
		}
		if v.Known() && v.Type() != row.Type {
			return fmt.Errorf("%s is a %s, not a %s", name, row.Type, v.Type())
		}
		into[name] = v
	}
	return nil
}

func readNamed(f Func, data json.RawMessage, branches map[string]*Branch) error {
	answers := map[string]Value{}
	if err := json.Unmarshal(data, &answers); err != nil {
		return err
	}
	for name, v := range answers {
		if v.Known() && v.Type() != f.Type {
			return fmt.Errorf("%s(%q) is a %s, not a %s", f.Name, name, f.Type, v.Type())
		}
	}
	b := branches[f.Branch]
	if b == nil {
		b = NewBranch()
		branches[f.Branch] = b
		for _, row := range Of(f.Branch) {
			b.values[row.Name] = Unknown(notInFile)
		}
	}
	b.Name(f.Name, answers, Rest(f.Name))
	if f.Name == "version" && b.named["installed"] == nil { // what has a version is installed
		installed := map[string]Value{}
		for name, v := range answers {
			installed[name] = Flag(v.Known())
		}
		b.Name("installed", installed, Rest("installed"))
	}
	return nil
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

// Lookup finds a part of the tree by its path: "memory", "memory.total_bytes",
// "mount[/home]", "mount[/home].used_percent", `installed("linux")`. What it
// returns can be written as JSON.
func (t Tree) Lookup(path string) (any, error) {
	if fn, arg, ok := question(path); ok {
		return t.Named(fn, arg), nil
	}
	branch, rest := path, ""
	if i := strings.IndexAny(path, ".["); i >= 0 {
		branch, rest = path[:i], path[i:]
	}
	k := FindKind(branch)
	if k == nil {
		if f := FindFunc(path); f != nil {
			b := t.branches[f.Branch]
			if b == nil || b.missing.text != "" {
				return t.Named(path, ""), nil
			}
			return b.named[path], nil
		}
		return nil, fmt.Errorf("there is no fact %q", path)
	}
	b := t.branches[branch]
	if b == nil {
		return Unknown("it was not looked at"), nil
	}
	key := ""
	if strings.HasPrefix(rest, "[") {
		end := strings.LastIndexByte(rest, ']')
		if end < 0 || !k.Table() {
			return nil, fmt.Errorf("there is no fact %q", path)
		}
		key, rest = strings.Trim(rest[1:end], `"`), rest[end+1:]
		if rest == "" && b.missing.text == "" {
			for _, o := range b.objects {
				if o.Key == key {
					return fields{branch, o.values}, nil
				}
			}
			return nil, fmt.Errorf("there is no %s %q", branch, key)
		}
	}
	name := branch + rest
	switch {
	case rest == "":
		return b.plain(*k), nil
	case Find(name) == nil:
		return nil, fmt.Errorf("there is no fact %q", name)
	case b.missing.text != "" || !k.Table() || key != "":
		return t.Fact(name, key), nil
	}
	list := map[string]Value{}
	for _, o := range b.objects {
		list[o.Key] = o.values[name]
	}
	return list, nil
}

// question takes installed("linux") apart.
func question(path string) (fn, arg string, ok bool) {
	fn, rest, ok := strings.Cut(path, "(")
	if !ok || FindFunc(fn) == nil || !strings.HasSuffix(rest, ")") {
		return "", "", false
	}
	return fn, strings.Trim(strings.TrimSuffix(rest, ")"), `"' `), true
}
