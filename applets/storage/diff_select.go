package storage

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
)

// A selection is the part of the changes that is wanted.
type selection struct {
	kinds  map[diff.Kind]bool // nil: all
	filter *glob              // nil: all
}

func (s selection) all() bool { return s.kinds == nil && s.filter == nil }

func (s selection) has(c *diff.Change) bool {
	if s.kinds != nil && !s.kinds[c.Kind] {
		return false
	}
	return s.filter == nil || s.filter.match(c.Path) || c.FromPath != "" && s.filter.match(c.FromPath)
}

// A glob is a pattern of paths. What lies below a match matches as well.
type glob struct{ parts []string }

// newGlob reads a pattern: one without a slash is for names at any depth, one
// with a slash for the path from the top.
func newGlob(pattern string) (*glob, error) {
	trimmed := strings.Trim(pattern, "/")
	if trimmed == "" {
		return nil, errors.New("the pattern is empty")
	}
	parts := strings.Split(trimmed, "/")
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return nil, fmt.Errorf("cannot read %q: %w", pattern, err)
		}
	}
	if len(parts) == 1 && !strings.HasPrefix(pattern, "/") {
		parts = []string{"**", trimmed}
	}
	return &glob{parts}, nil
}

// match keeps which parts of the pattern may come next, rather than trying one
// way after the other: many ** must not cost more than their number.
func (g *glob) match(name string) bool {
	next := make([]bool, len(g.parts)+1)
	next[0] = true
	for {
		for i, part := range g.parts { // ** may stand for nothing
			if next[i] && part == "**" {
				next[i+1] = true
			}
		}
		if next[len(g.parts)] {
			return true
		}
		if name == "" {
			return false
		}
		var word string
		word, name, _ = strings.Cut(name, "/")
		after := make([]bool, len(next))
		for i, part := range g.parts {
			if !next[i] {
				continue
			}
			if part == "**" {
				after[i] = true
			} else if ok, err := path.Match(part, word); err == nil && ok {
				after[i+1] = true
			}
		}
		next = after
	}
}
