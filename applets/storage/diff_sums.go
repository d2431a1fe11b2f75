package storage

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A statSink prints sums by kind. It keeps no change.
type statSink struct {
	w     io.Writer
	theme ui.Theme
	sums  map[diff.Kind]*diffSum
}

func (s *statSink) add(c *diff.Change) error {
	if s.sums[c.Kind] == nil {
		s.sums[c.Kind] = &diffSum{}
	}
	s.sums[c.Kind].add(c)
	return nil
}

func (s *statSink) end(r DiffReport, shown int) error {
	printDiffHead(s.w, s.theme, r)
	for _, k := range diff.Kinds {
		if sum := s.sums[k]; sum != nil {
			fmt.Fprintf(s.w, "  %s  %8d  %10s\n", kindText(s.theme, k), sum.counts[k], deltaText(sum.delta))
		}
	}
	if shown > 0 {
		fmt.Fprintln(s.w)
	}
	printDiffFoot(s.w, s.theme, r)
	return nil
}

// A depthSink adds up by directory. It keeps one sum for each that it prints.
type depthSink struct {
	w      io.Writer
	theme  ui.Theme
	depth  int
	bySize bool
	dirs   map[string]*diffSum
}

func (s *depthSink) add(c *diff.Change) error {
	dir := dirOf(c.Path)
	if c.Type == diff.Dir {
		dir = c.Path
	}
	key := strings.Clone(cutPath(dir, s.depth))
	if s.dirs[key] == nil {
		s.dirs[key] = &diffSum{}
	}
	s.dirs[key].add(c)
	return nil
}

// cutPath keeps the first n names of a path.
func cutPath(p string, n int) string {
	end := 0
	for range n {
		i := strings.IndexByte(p[end:], '/')
		if i < 0 {
			return p
		}
		end += i + 1
	}
	if end == 0 {
		return "."
	}
	return p[:end-1]
}

func (s *depthSink) end(r DiffReport, _ int) error {
	printDiffHead(s.w, s.theme, r)
	dirs := slices.SortedFunc(maps.Keys(s.dirs), func(a, b string) int {
		if s.bySize {
			if c := cmp.Compare(magnitude(s.dirs[b].delta), magnitude(s.dirs[a].delta)); c != 0 {
				return c
			}
		}
		return compareDirs(a, b)
	})
	for _, dir := range dirs {
		sum := s.dirs[dir]
		fmt.Fprintf(s.w, "  %10s  %s  %s\n", deltaText(sum.delta), quote(dir+"/"), s.theme.Paint(ui.Faint, sum.text()))
	}
	if len(dirs) > 0 {
		fmt.Fprintln(s.w)
	}
	printDiffFoot(s.w, s.theme, r)
	return nil
}

// A nameSink prints paths alone. Of a change it keeps no more than that needs.
type nameSink struct {
	w      io.Writer
	null   bool
	bySize bool
	held   heldChanges
}

func (s *nameSink) add(c *diff.Change) error {
	s.held.bySize = s.bySize
	return s.held.add(&diff.Change{
		Path: c.Path, SizeBefore: c.SizeBefore, SizeAfter: c.SizeAfter, LinkBefore: c.LinkBefore, LinkAfter: c.LinkAfter,
	})
}

func (s *nameSink) end(DiffReport, int) error {
	defer s.held.close()
	return s.held.each(func(c *diff.Change) error {
		var err error
		if s.null {
			_, err = fmt.Fprintf(s.w, "%s\x00", c.Path)
		} else {
			_, err = fmt.Fprintln(s.w, quote(c.Path))
		}
		return err
	})
}
