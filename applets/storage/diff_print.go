package storage

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// kindLook is how a kind is written: a mark and a word before it is a colour.
var kindLook = map[diff.Kind]struct {
	mark, word string
	style      ui.Style
}{
	diff.Added:       {"+", "added", ui.Good},
	diff.Removed:     {"-", "removed", ui.Bad},
	diff.Modified:    {"~", "modified", ui.Warn},
	diff.Replaced:    {"~", "replaced", ui.Warn},
	diff.Renamed:     {">", "renamed", ui.Accent},
	diff.TypeChanged: {"!", "type changed", ui.Warn},
	diff.Metadata:    {"*", "metadata", ui.Faint},
	diff.Identical:   {"=", "identical", ui.Faint},
}

// kindWidth is the width of the longest mark and word.
const kindWidth = len("! type changed")

func kindText(t ui.Theme, k diff.Kind) string {
	look := kindLook[k]
	return t.Paint(look.style, fmt.Sprintf("%-*s", kindWidth, look.mark+" "+look.word))
}

// sizeDelta is what a change adds to the size, an inode of several names counted
// once.
func sizeDelta(c *diff.Change) int64 {
	var d int64
	if !c.LinkAfter {
		d += int64(c.SizeAfter)
	}
	if !c.LinkBefore {
		d -= int64(c.SizeBefore)
	}
	return d
}

func deltaText(n int64) string {
	if n > 0 {
		return "+" + size(uint64(n))
	}
	return signed(n)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// comparePaths keeps what is in one directory together, before what is in those
// below it.
func comparePaths(a, b string) int {
	return cmp.Or(compareDirs(dirOf(a), dirOf(b)), naturally(a, b))
}

func compareDirs(a, b string) int {
	if a == b {
		return 0
	}
	if a == "." {
		return -1
	}
	if b == "." {
		return 1
	}
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/': // before all else: a/x before a-b
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// dirOf is the directory of a path, which is clean: path.Dir would copy it.
func dirOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "."
}

// A diffSum adds changes up.
type diffSum struct {
	counts map[diff.Kind]int
	delta  int64
}

func (s *diffSum) add(c *diff.Change) {
	if s.counts == nil {
		s.counts = map[diff.Kind]int{}
	}
	s.counts[c.Kind]++
	s.delta += sizeDelta(c)
}

func (s *diffSum) text() string {
	var parts []string
	for _, k := range diff.Kinds {
		if n := s.counts[k]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kindLook[k].word))
		}
	}
	return strings.Join(parts, ", ")
}

// A textSink prints changes grouped by directory, or by size in one list.
type textSink struct {
	w      io.Writer
	theme  ui.Theme
	bySize bool
	wide   bool
	held   heldChanges
}

func (s *textSink) add(c *diff.Change) error {
	s.held.bySize = s.bySize
	return s.held.add(c)
}

func (s *textSink) end(r DiffReport, shown int) error {
	defer s.held.close()
	printDiffHead(s.w, s.theme, r)
	var err error
	if s.bySize {
		err = s.held.each(func(c *diff.Change) error { s.line(c, "", c.Path); return nil })
	} else {
		err = s.groups()
	}
	if shown > 0 {
		fmt.Fprintln(s.w)
	}
	printDiffFoot(s.w, s.theme, r)
	return err
}

// groups prints the changes by directory. One walk goes ahead of the other, for
// the sums that head a directory.
func (s *textSink) groups() error {
	ahead, err := s.held.walk()
	if err != nil {
		return err
	}
	behind, err := s.held.walk()
	if err != nil {
		return err
	}
	next, err := ahead.next()
	for next != nil && err == nil {
		dir, sum, n := dirOf(next.Path), diffSum{}, 0
		for err == nil && next != nil && dirOf(next.Path) == dir {
			sum.add(next)
			n++
			next, err = ahead.next()
		}
		t := s.theme
		fmt.Fprintln(s.w, t.Paint(ui.Strong, quote(dir+"/"))+t.Dot()+t.Paint(ui.Faint, plural(n, "change")+", "+deltaText(sum.delta)))
		for ; n > 0 && err == nil; n-- {
			var c *diff.Change
			if c, err = behind.next(); err == nil && c != nil {
				s.line(c, "  ", path.Base(c.Path))
			}
		}
	}
	return err
}

func (s *textSink) line(c *diff.Change, indent, name string) {
	if c.Type == diff.Dir && name != "." {
		name += "/"
	}
	delta := ""
	if d := sizeDelta(c); d != 0 || c.Kind == diff.Modified {
		delta = deltaText(d)
	}
	line := fmt.Sprintf("%s%s  %10s  %s", indent, kindText(s.theme, c.Kind), delta, quote(name))
	if more := s.details(c); more != "" {
		line += "  " + s.theme.Paint(ui.Faint, more)
	}
	fmt.Fprintln(s.w, line)
}

// details are what the kind does not say yet.
func (s *textSink) details(c *diff.Change) string {
	var parts []string
	if c.FromPath != "" && c.FromPath != c.Path {
		parts = append(parts, "from "+quote(c.FromPath))
	}
	switch {
	case c.Kind == diff.TypeChanged:
		parts = append(parts, string(c.FromType)+" "+strings.TrimSpace(s.theme.Arrow())+" "+string(c.Type))
	case c.Type != diff.File && c.Type != diff.Dir:
		parts = append(parts, string(c.Type))
	}
	switch {
	case c.Content == diff.ContentUnknown:
		parts = append(parts, "content unknown")
	case c.Content == diff.ContentSame && c.Kind == diff.Replaced:
		parts = append(parts, "same content")
	case c.Content == diff.ContentChanged && c.Kind == diff.Renamed:
		parts = append(parts, "content changed")
	}
	if c.LinkAfter || c.Kind == diff.Removed && c.LinkBefore {
		parts = append(parts, "hard link")
	}
	for _, a := range c.Attributes {
		if a != "mtime" || s.wide || c.Kind == diff.Metadata { // new content comes with a new time
			parts = append(parts, a)
		}
	}
	if s.wide && (c.SizeBefore|c.SizeAfter|c.AllocatedBefore|c.AllocatedAfter) != 0 {
		arrow := " " + strings.TrimSpace(s.theme.Arrow()) + " "
		parts = append(parts, "size "+size(c.SizeBefore)+arrow+size(c.SizeAfter), "on disk "+size(c.AllocatedBefore)+arrow+size(c.AllocatedAfter))
	}
	return ui.Plain(strings.Join(parts, ", "))
}

func printDiffHead(w io.Writer, t ui.Theme, r DiffReport) {
	row := func(word string, s DiffSide) []string {
		access := "rw"
		if s.ReadOnly {
			access = "ro"
		}
		name := quote(s.Path)
		if s.Path == "" {
			name = "(path unknown)"
		}
		return []string{t.Paint(ui.Faint, word), t.Paint(ui.Strong, name), t.Paint(ui.Faint, fmt.Sprintf("id %d, %s", s.ID, access))}
	}
	io.WriteString(w, ui.Columns([][]string{row("from", r.From), row("to", r.To)}))
	fmt.Fprintln(w)
}

// printDiffFoot prints the sums, which are of all changes.
func printDiffFoot(w io.Writer, t ui.Theme, r DiffReport) {
	s := r.Summary
	sum := diffSum{counts: map[diff.Kind]int{
		diff.Added: s.Added, diff.Removed: s.Removed, diff.Modified: s.Modified, diff.Replaced: s.Replaced,
		diff.Renamed: s.Renamed, diff.TypeChanged: s.TypeChanged, diff.Metadata: s.Metadata, diff.Identical: s.Identical,
	}}
	total := 0
	for _, n := range sum.counts {
		total += n
	}
	if total == 0 {
		fmt.Fprintln(w, "no differences")
	} else {
		fmt.Fprintln(w, t.Paint(ui.Strong, plural(total, "change"))+": "+sum.text()+t.Dot()+deltaText(s.SizeDelta)+t.Dot()+deltaText(s.AllocatedDelta)+" on disk")
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, t.Paint(ui.Faint, ui.Plain(n)))
	}
}
