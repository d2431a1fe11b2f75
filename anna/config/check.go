package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// A builder makes a configuration out of a document, telling every problem.
type builder struct {
	config       *Config
	sources      *Sources
	options      Options
	problems     []Problem
	first        map[string]setting // where each name was given first
	retired      map[string]bool    // what was said to be no longer used
	unknown      map[string]bool    // sections that were said not to exist
	contradicted bool               // names are given twice: go-toml would only repeat that
}

// judge goes through the document once, in the order of the file.
func (b *builder) judge() {
	b.retired, b.unknown = map[string]bool{}, map[string]bool{}
	skip := map[*header]bool{} // what stands below is not judged again
	b.checkHeaders(skip)
	for _, set := range b.sources.doc.settings {
		if set.under == nil || !skip[set.under] {
			b.checkSetting(set)
		}
	}
	b.oldNames()
}

func (b *builder) checkHeaders(skip map[*header]bool) {
	seen := map[string]*header{}
	for _, h := range b.sources.doc.headers {
		name := join(h.path)
		if old := retirement(name); old != nil {
			if !old.honoured() {
				b.retire(old, h.at)
			}
			continue
		}
		switch known := isSection(name); {
		case byName[name] != nil:
			b.report(Error, name, h.at, name+" is a key, not a section").Allowed = byName[name].Allowed
			skip[h] = true
		case !known:
			b.unknownSection(h.path, h.at)
			skip[h] = true
		case h.array:
			b.report(Error, name, h.at, fmt.Sprintf("the section %s is there once: it is written [%s], not [[%s]]", name, name, name)).Suggestion = "[" + name + "]"
			skip[h], b.contradicted = true, true
		case seen[name] != nil:
			b.tell(Error, name, h.at, fmt.Sprintf("the section [%s] is already there, in line %d", name, b.line(seen[name].at)))
			b.contradicted = true
		default:
			seen[name] = h
		}
	}
}

func (b *builder) checkSetting(set setting) {
	name := join(set.path)
	_, honoured := successors[name]
	if old := retirement(name); old != nil && !honoured {
		b.retire(old, set.at)
		return
	}
	if earlier, twice := b.first[name]; twice {
		b.tell(Error, name, set.at, fmt.Sprintf("%s is already given, in line %d", name, b.line(earlier.at)))
		b.contradicted = true
		return
	}
	b.first[name] = set
	k := byName[name]
	switch {
	case honoured: // oldNames takes it, when all is known
	case k != nil && set.value.kind == unstable.InlineTable:
		b.report(Error, name, set.value.at, name+" is a key, not a section").Allowed = k.Allowed
	case k != nil:
		b.take(k, set, "", Error)
	case isSection(name):
		if set.value.kind != unstable.InlineTable { // an empty one is an empty section
			b.report(Error, name, set.value.at, fmt.Sprintf("%s is a section, it cannot be %s", name, describe(set.value))).Suggestion = "[" + name + "]"
		}
	default:
		b.unknownKey(set)
	}
}

// take reads the value of a key, under its own or its old name.
func (b *builder) take(k *key, set setting, oldName string, severity Severity) {
	v, m := k.parse(set.value)
	if m != nil {
		at := set.value.at
		if m.at != 0 {
			at = m.at
		}
		said := k.Name
		if oldName != "" {
			said = oldName
			m.message += "; it is ignored"
		}
		p := b.report(severity, k.Name, at, said+": "+m.message)
		p.Allowed, p.Suggestion = k.Allowed, k.suggestion(m)
		return
	}
	o := Origin{File: b.sources.Path, Line: b.line(set.at), OldName: oldName}
	text := format(v)
	if set.value.kind == unstable.String {
		text = tomlString(set.value.str)
	}
	b.config.put(k, v, text, o)
}

// oldNames gives keys the values that stand under their old names, unless the
// new name is there too.
func (b *builder) oldNames() {
	for i := range table {
		k := &table[i]
		for _, old := range k.OldNames {
			set, given := b.first[old]
			if !given {
				continue
			}
			if now, both := b.first[k.Name]; both {
				b.tell(Warning, k.Name, set.at, fmt.Sprintf("%s is the old name of %s, which is given in line %d and counts", old, k.Name, b.line(now.at)))
				continue
			}
			b.take(k, set, old, Warning)
		}
	}
}

// unknownKey says that there is no such key, and which was probably meant.
func (b *builder) unknownKey(set setting) {
	name := join(set.path)
	section, last := join(set.path[:len(set.path)-1]), set.path[len(set.path)-1]
	for n := 1; n < len(set.path); n++ { // cooldown = {seconds = 30}
		if k := byName[join(set.path[:n])]; k != nil {
			b.report(Error, name, set.at, k.Name+" is a key, it has no keys of its own").Allowed = k.Allowed
			return
		}
	}
	if section != "" && !isSection(section) {
		if set.under != nil {
			if k := byName[join(set.path[len(set.under.path):])]; k != nil { // daemon.socket below [health]
				home, _, _ := strings.Cut(k.Name, ".")
				b.report(Error, name, set.at, fmt.Sprintf("%s stands in the section [%s]", k.Name, join(set.under.path))).
					Hint = "move it above the first section, or without \"" + home + ".\" into the section [" + home + "]"
				return
			}
		}
		b.unknownSection(set.path[:len(set.path)-1], set.at)
		return
	}
	var siblings []string
	elsewhere := ""
	for i := range table {
		s, k, _ := strings.Cut(table[i].Name, ".")
		if s == section {
			siblings = append(siblings, k)
		}
		if k == last && elsewhere == "" {
			elsewhere = table[i].Name
		}
	}
	if section == "" {
		p := b.report(Error, name, set.at, fmt.Sprintf("%s stands before the first section: there is no such key", shorten(name, 80)))
		if elsewhere != "" {
			p.Suggestion = elsewhere
		}
		return
	}
	p := b.report(Error, name, set.at, fmt.Sprintf("there is no key %s in the section [%s]", shorten(join([]string{last}), 80), section))
	p.Allowed = strings.Join(siblings, ", ")
	if p.Suggestion = nearest.Of(last, siblings); p.Suggestion == "" {
		p.Suggestion = elsewhere
	}
}

func (b *builder) unknownSection(path []string, at int) {
	name := join(path)
	if b.unknown[name] {
		return
	}
	b.unknown[name] = true
	known := make([]string, len(sections))
	for i, s := range sections {
		known[i] = s.Name
	}
	p := b.report(Error, name, at, fmt.Sprintf("there is no section [%s]", shorten(name, 80)))
	p.Allowed = strings.Join(known, ", ")
	if s := nearest.Of(name, known); s != "" {
		p.Suggestion = "[" + s + "]"
	}
}

// tell tells a problem at an offset of the file.
func (b *builder) tell(severity Severity, name string, at int, message string) {
	_ = b.report(severity, name, at, message)
}

// report tells a problem and lets the caller add what is allowed or meant.
func (b *builder) report(severity Severity, name string, at int, message string) *Problem {
	p := Problem{Severity: severity, File: b.sources.Path, Key: shorten(name, 120), Message: message}
	if len(b.problems) < 4*maxProblems { // what is beyond is only counted
		p.locate(b.sources.Config.Data, at)
	}
	b.problems = append(b.problems, p)
	return &b.problems[len(b.problems)-1]
}

func (b *builder) line(at int) int {
	var p Problem
	p.locate(b.sources.Config.Data, at)
	return p.Line
}

func isSection(name string) bool {
	return slices.ContainsFunc(sections, func(s Section) bool { return s.Name == name })
}
