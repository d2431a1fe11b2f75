package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
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
