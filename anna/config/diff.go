package config

import (
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two configurations.
type Change struct {
	Key    string `json:"key"`    // "health.interval", or "policies.d/10-disk.toml"
	Before string `json:"before"` // as TOML; for policies the digest, "" where there was none
	After  string `json:"after"`
	Class  Class  `json:"class"`
	Why    string `json:"why"`
}

// Diff lists what is different in b, in the order of the shipped file, then
// the policies by path. Two ways of writing one value are no difference.
func Diff(a, b *Config) []Change {
	var list []Change
	for i := range table {
		k := &table[i]
		if !reflect.DeepEqual(k.get(&a.v), k.get(&b.v)) {
			list = append(list, Change{Key: k.Name, Before: a.Text(k.Name), After: b.Text(k.Name), Class: k.Class, Why: k.Why})
		}
	}
	return append(list, diffPolicies(a.sources.Policies, b.sources.Policies)...)
}

func diffPolicies(a, b []File) []Change {
	before, after := digests(a), digests(b)
	var names []string
	for name := range before {
		names = append(names, name)
	}
	for name := range after {
		if _, both := before[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []Change
	for _, name := range names {
		if before[name] != after[name] {
			list = append(list, Change{Key: name, Before: before[name], After: after[name], Class: Live, Why: "rules are read again"})
		}
	}
	return list
}

// digests names each policy by its directory and file, "policies.d/x.toml".
func digests(files []File) map[string]string {
	m := make(map[string]string, len(files))
	for _, f := range files {
		name := f.Path
		if parts := strings.Split(name, "/"); len(parts) > 2 {
			name = strings.Join(parts[len(parts)-2:], "/")
		}
		m[name] = hex.EncodeToString(f.Sum[:6])
	}
	return m
}
