package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

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
