package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Write draws the problem for people: where and what, the line with a caret,
// what is allowed, what was probably meant. Nothing of what a file holds
// reaches the terminal as a control sequence.
func (p Problem) Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(clean(p.place(), maxLine))
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(clean(p.Message, maxLine))
	b.WriteByte('\n')
	if p.Text != "" {
		number := strconv.Itoa(p.Line)
		fmt.Fprintf(&b, "  %s | %s\n", number, clean(p.Text, maxLine))
		fmt.Fprintf(&b, "  %s | %s^\n", strings.Repeat(" ", len(number)), strings.Repeat(" ", width(p.Text, p.Caret)))
	}
	for _, l := range []struct{ before, text, after string }{
		{"allowed: ", p.Allowed, ""},
		{"did you mean ", p.Suggestion, "?"},
		{"", p.Hint, ""},
	} {
		if l.text != "" {
			b.WriteString("  " + l.before + clean(l.text, maxLine) + l.after + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is what Write draws.
func (p Problem) String() string {
	var b strings.Builder
	_ = p.Write(&b)
	return b.String()
}

// Write draws every problem, with an empty line between two.
func (r Report) Write(w io.Writer) error {
	for i, p := range r.Problems {
		if i > 0 {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		if err := p.Write(w); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		if _, err := fmt.Fprintf(w, "\n... and %d more\n", r.Omitted); err != nil {
			return err
		}
	}
	return nil
}

// How much of a foreign text a line of ours takes.
const (
	maxWord = 200
	maxLine = 400
)

// clean makes a foreign text fit for a terminal: one line, no control
// characters, nothing that turns the direction of writing, a bounded length.
func clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > limit {
			b.WriteRune('…')
			break
		}
		b.WriteRune(visible(r))
	}
	return b.String()
}

func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r == utf8.RuneError, !unicode.IsPrint(r):
		return '\uFFFD'
	}
	return r
}

// quote is strconv.Quote for a text of any length, kept readable.
func quote(s string) string { return strconv.Quote(shorten(s, 60)) }

// shorten cuts a text after n characters.
func shorten(s string, n int) string {
	head, cut := firstRunes([]byte(s[:min(len(s), 4*n+4)]), n)
	if cut || len(head) < len(s) {
		return string(head) + "…"
	}
	return s
}

// width counts the cells of a terminal that the first n characters take.
func width(s string, n int) int {
	cells := 0
	for _, r := range s {
		if n--; n < 0 {
			break
		}
		switch r = visible(r); {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case wide(r):
			cells += 2
		default:
			cells++
		}
	}
	return cells
}

// wide knows the blocks whose characters take two cells (Unicode Standard
// Annex 11, East Asian Width); exact enough to put a caret below a comment's
// neighbour.
func wide(r rune) bool {
	return r >= 0x1100 && (r <= 0x115f ||
		r >= 0x2e80 && r <= 0xa4cf && r != 0x303f ||
		r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff ||
		r >= 0xfe30 && r <= 0xfe6f ||
		r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 ||
		r >= 0x1f300 && r <= 0x1f64f ||
		r >= 0x1f900 && r <= 0x1f9ff ||
		r >= 0x20000 && r <= 0x3fffd)
}
