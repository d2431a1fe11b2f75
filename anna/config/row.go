package config

import (
	"slices"
	"strings"
)

// key is a row of the table: what people read, and what the code needs.
type key struct {
	Key
	def, min, max string              // as TOML; min and max may be empty
	kind          kind                // how its values are written
	field         func(v *values) any // a pointer to where its value lives
	low, high     any                 // min and max, read
	initial       any                 // def, read
}

// byName finds the row of a name of today.
var byName = make(map[string]*key, len(table))

// defaults holds every key at its default.
var defaults values

func init() {
	written := make([]string, 0, 3*len(table))
	for i := range table {
		k := &table[i]
		byName[k.Name] = k
		k.Type, k.Default = k.kind.label, k.def
		k.Allowed = k.kind.allowed(k)
		for _, toml := range []string{k.def, k.min, k.max} {
			if toml != "" {
				written = append(written, toml)
			}
		}
	}
	// One document for all of them: every command starts with this.
	d, err := readDocument([]byte("x = [\n" + strings.Join(written, ",\n") + "]"))
	if err != nil {
		panic("config: the table of keys is not TOML: " + err.message)
	}
	values := d.settings[0].value.elems
	for i := range table {
		k := &table[i]
		for _, v := range []struct {
			toml string
			into *any
		}{{k.def, &k.initial}, {k.min, &k.low}, {k.max, &k.high}} {
			if v.toml != "" {
				*v.into, values = k.must(values[0]), values[1:]
			}
		}
		k.set(&defaults, k.initial)
	}
	defaultConfig.v = defaults
}

// must reads a value of the table itself. A row that cannot be read stops the
// program at once: it is a mistake in the program.
func (k *key) must(n node) any {
	v, m := k.kind.read(n)
	if m != nil {
		panic("config: key " + k.Name + ": " + m.message)
	}
	return v
}

// Keys lists every key in the order of the shipped file.
func Keys() []Key {
	list := make([]Key, len(table))
	for i := range table {
		list[i] = table[i].Key
		list[i].OldNames = slices.Clone(list[i].OldNames)
	}
	return list
}

// Sections lists every section in the order of the shipped file.
func Sections() []Section { return slices.Clone(sections) }
