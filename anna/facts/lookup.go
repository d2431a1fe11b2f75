package facts

import (
	"fmt"
	"strings"
)

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
