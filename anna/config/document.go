package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// What one file may hold. go-toml looks keys up one after the other, and its
// arena keeps a node per value: without these bounds one megabyte of input
// costs minutes and a hundred megabytes of memory.
const (
	maxKeys   = 4096  // keys and section headers of one file
	maxParts  = 16    // names of one key, joined by dots or nested in braces
	maxDepth  = 16    // lists within each other
	maxTokens = 16384 // commas, equals signs, brackets and dots of one file
)

// node is a value with its place in the file.
type node struct {
	kind  unstable.Kind
	at    int    // offset in the file
	raw   string // as written, for scalars
	str   string // content of a text
	elems []node // of a list
}

// setting is one key with its value. Tables in braces are taken apart, so that
// health = {interval = "1s"} and health.interval = "1s" are the same.
type setting struct {
	path  []string
	at    int // offset of the last name of the key
	value node
	under *header // the section it stands in; nil before the first
}

// header is one [section].
type header struct {
	path  []string
	at    int
	array bool // [[section]]
}

// document is one file, taken apart but not yet judged.
type document struct {
	headers  []*header
	settings []setting
	count    int // keys and headers, against maxKeys
}

// readDocument takes a file apart. It returns what it understood also beside
// an error.
func readDocument(data []byte) (*document, *syntaxError) {
	d := new(document)
	if err := checkText(data); err != nil {
		return d, err
	}
	p := new(unstable.Parser)
	p.Reset(slices.Clip(data))
	var current *header
	for p.NextExpression() {
		e := p.Expression()
		if d.count++; d.count > maxKeys {
			return d, &syntaxError{at: offset(e), message: fmt.Sprintf("the file holds more than %d keys", maxKeys), bound: true}
		}
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, at, err := keyPath(e, nil)
			if err != nil {
				return d, err
			}
			current = &header{path: path, at: at, array: e.Kind == unstable.ArrayTable}
			d.headers = append(d.headers, current)
		case unstable.KeyValue:
			var prefix []string
			if current != nil {
				prefix = current.path
			}
			if err := d.add(p, e, prefix, current); err != nil {
				return d, err
			}
		}
	}
	return d, parserError(p.Error(), data)
}

// add takes one key = value apart, going into tables in braces.
func (d *document) add(p *unstable.Parser, e *unstable.Node, prefix []string, under *header) *syntaxError {
	path, at, err := keyPath(e, prefix)
	if err != nil {
		return err
	}
	v := e.Value()
	start := valueOffset(p.Data(), e)
	if v.Kind != unstable.InlineTable {
		n, err := d.node(v, start, 0)
		if err != nil {
			return err
		}
		d.settings = append(d.settings, setting{path: path, at: at, value: n, under: under})
		return nil
	}
	inner := v.Children()
	empty := true
	for inner.Next() {
		empty = false
		if d.count++; d.count > maxKeys {
			return &syntaxError{at: start, message: fmt.Sprintf("the file holds more than %d keys", maxKeys), bound: true}
		}
		if err := d.add(p, inner.Node(), path, under); err != nil {
			return err
		}
	}
	if empty {
		d.settings = append(d.settings, setting{path: path, at: at, value: node{kind: unstable.InlineTable, at: start}, under: under})
	}
	return nil
}

func (d *document) node(v *unstable.Node, at, depth int) (node, *syntaxError) {
	n := node{kind: v.Kind, at: at}
	switch v.Kind {
	case unstable.String:
		n.str = string(v.Data)
	case unstable.InlineTable: // within a list: no key takes one
	case unstable.Array:
		if depth >= maxDepth {
			return n, &syntaxError{at: at, message: fmt.Sprintf("lists are nested more than %d deep", maxDepth), bound: true}
		}
		for it := v.Children(); it.Next(); {
			place := at // lists and tables do not know their own
			if it.Node().Raw.Length > 0 {
				place = int(it.Node().Raw.Offset)
			}
			elem, err := d.node(it.Node(), place, depth+1)
			if err != nil {
				return n, err
			}
			n.elems = append(n.elems, elem)
		}
	default:
		n.raw = string(v.Data)
	}
	return n, nil
}

// keyPath joins the names of a key or header to those of its section.
func keyPath(e *unstable.Node, prefix []string) ([]string, int, *syntaxError) {
	path := append(make([]string, 0, len(prefix)+1), prefix...)
	at := 0
	for it := e.Key(); it.Next(); {
		at = int(it.Node().Raw.Offset)
		if len(path) == maxParts {
			return nil, 0, &syntaxError{at: at, message: fmt.Sprintf("the key has more than %d names", maxParts), bound: true}
		}
		path = append(path, string(it.Node().Data))
	}
	return path, at, nil
}

// valueOffset finds the value of a key: lists and tables carry no place of
// their own, so it is looked for behind the equals sign.
func valueOffset(data []byte, e *unstable.Node) int {
	v := e.Value()
	if v.Raw.Length > 0 {
		return int(v.Raw.Offset)
	}
	end := 0
	for it := e.Key(); it.Next(); {
		end = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	for end < len(data) && strings.IndexByte(" \t=", data[end]) >= 0 {
		end++
	}
	return min(end, len(data))
}

func offset(e *unstable.Node) int {
	it := e.Key()
	if it.Next() {
		return int(it.Node().Raw.Offset)
	}
	return 0
}

// parseValue reads one value that stands alone.
func parseValue(text string) (node, *syntaxError) {
	d, err := readDocument([]byte("value = " + text))
	if err == nil && len(d.settings) != 1 {
		err = &syntaxError{message: "not one value"}
	}
	if err != nil {
		return node{}, err
	}
	return d.settings[0].value, nil
}

// textNode is a value that was typed without quotes.
func textNode(s string) node { return node{kind: unstable.String, str: s} }
