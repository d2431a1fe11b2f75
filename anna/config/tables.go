package config

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A Table is a [name] or [[name]] of a TOML file with its keys, all in their
// places: for files that this package does not know the keys of.
type Table struct {
	Name    string // names joined by dots; "" before the first header
	List    bool   // [[name]]
	At      int    // offset in the file
	Entries []Entry
}

// An Entry is one key with its value. Tables in braces are taken apart: their
// keys have names joined by dots.
type Entry struct {
	Key   string
	At    int
	Value any // string, bool, int64, float64, []any of those; nil: of another kind
	// ValueAt is where the value begins, a text at its quote.
	ValueAt int
}

// Tables takes a file apart. What is wrong with its TOML is the problem; what
// stands before that is in the list.
func (f File) Tables() ([]Table, *Problem) {
	d, err := readDocument(f.Data)
	if err == nil {
		err = checkSyntax(f.Data)
	}
	list := []Table{{}}
	number := map[*header]int{nil: 0}
	for _, h := range d.headers {
		number[h] = len(list)
		list = append(list, Table{Name: strings.Join(h.path, "."), List: h.array, At: h.at})
	}
	for _, s := range d.settings {
		in := &list[number[s.under]]
		path := s.path
		if s.under != nil {
			path = path[len(s.under.path):]
		}
		in.Entries = append(in.Entries, Entry{Key: strings.Join(path, "."), At: s.at, Value: s.value.plain(), ValueAt: s.value.at})
	}
	if err != nil {
		p := f.problem(err)
		return list, &p
	}
	return list, nil
}

// plain is a value as Go holds it.
func (n node) plain() any {
	switch n.kind {
	case unstable.String:
		return n.str
	case unstable.Bool:
		return n.raw == "true"
	case unstable.Integer:
		if v, err := strconv.ParseInt(n.raw, 0, 64); err == nil {
			return v
		}
	case unstable.Float:
		if v, err := strconv.ParseFloat(n.raw, 64); err == nil {
			return v
		}
	case unstable.Array:
		list := make([]any, len(n.elems))
		for i, e := range n.elems {
			list[i] = e.plain()
		}
		return list
	}
	return nil
}

// Problem is something wrong at an offset of the file, an error.
func (f File) Problem(at int, key, message string) Problem {
	p := Problem{Severity: Error, File: f.Path, Key: key, Message: message}
	p.locate(f.Data, at)
	return p
}

// TextOffset finds a place within a text: the offset in the file of its byte
// number index, where its value begins at. Escapes are counted as they are
// written.
func (f File) TextOffset(at, index int) int {
	rest := string(f.Data[min(max(at, 0), len(f.Data)):])
	quote := ""
	for _, q := range []string{`"""`, `'''`, `"`, `'`} {
		if strings.HasPrefix(rest, q) {
			quote = q
			break
		}
	}
	i := len(quote)
	if len(quote) == 3 { // a line break after the quote is none of the text's
		if strings.HasPrefix(rest[i:], "\r") {
			i++
		}
		if strings.HasPrefix(rest[i:], "\n") {
			i++
		}
	}
	for i < len(rest) {
		long, bytes := 1, 1
		if rest[i] == '\\' && strings.HasPrefix(quote, `"`) && i+1 < len(rest) {
			long, bytes = escaped(rest[i:])
		}
		if index <= 0 && bytes > 0 {
			break
		}
		i += long
		index -= bytes
	}
	return at + min(i, len(rest))
}

// escaped is how long an escape of a basic string is, and how many bytes it
// stands for.
func escaped(s string) (long, bytes int) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[1]]
	switch {
	case digits > 0 && len(s) >= 2+digits:
		n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
		if err != nil {
			return 2, 1
		}
		return 2 + digits, len(string(rune(n)))
	case s[1] == '\n' || s[1] == ' ' || s[1] == '\t' || s[1] == '\r': // the line goes on
		rest := strings.TrimLeft(s[1:], " \t\r\n")
		return len(s) - len(rest), 0
	}
	return 2, 1
}
