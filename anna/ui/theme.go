package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A Theme is what the reader's terminal can show. The zero Theme is plain
// Unicode text without colour.
type Theme struct {
	Colour bool // the 16 colours, on the terminal's own background
	ASCII  bool // no character beyond ASCII in what anna itself draws
}

// A Style is a colour or weight by its meaning.
type Style int

// The styles.
const (
	Strong Style = iota // headings
	Faint               // what may be overlooked
	Good
	Warn
	Bad
	Accent
)

var sgr = [...]string{Strong: "1", Faint: "2", Good: "32", Warn: "33", Bad: "31", Accent: "36"}

// Paint colours a text where the terminal shows colours.
func (t Theme) Paint(s Style, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	before, after := t.Brush(s)
	return before + text + after
}

// Brush is what Paint writes before and after a text.
func (t Theme) Brush(s Style) (before, after string) {
	if !t.Colour {
		return "", ""
	}
	return "\x1b[" + sgr[s] + "m", plainStyle
}

var shapes = map[health.Level][2]string{
	health.OK:       {"●", "*"},
	health.Unknown:  {"○", "?"},
	health.Warning:  {"▲", "!"},
	health.Critical: {"■", "X"},
}

var levelWords = map[health.Level]string{
	health.OK: "healthy", health.Unknown: "unknown", health.Warning: "warning", health.Critical: "critical",
}

var levelStyles = map[health.Level]Style{
	health.OK: Good, health.Unknown: Faint, health.Warning: Warn, health.Critical: Bad,
}

// Shape is the mark of a level, painted.
func (t Theme) Shape(l health.Level) string {
	pair := shapes[l]
	shape := pair[0]
	if t.ASCII {
		shape = pair[1]
	}
	return t.Paint(levelStyles[l], shape)
}

// Level is the level as shape and word, painted.
func (t Theme) Level(l health.Level) string {
	return t.Shape(l) + " " + t.Paint(levelStyles[l], levelWords[l])
}

// Dot separates parts of a line.
func (t Theme) Dot() string {
	if t.ASCII {
		return " - "
	}
	return " · "
}

// Plain makes a text from elsewhere fit for a terminal: escape sequences,
// controls and invisible characters that could rewrite the screen or disguise
// a name become visible escapes, as Go writes them.
func Plain(s string) string {
	safe := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if safe(r) || r == utf8.RuneError && size > 1 {
			b.WriteString(s[:size])
		} else {
			b.WriteString(escape(s[:size], r))
		}
		s = s[size:]
	}
	return b.String()
}

func escape(raw string, r rune) string {
	const hex = "0123456789abcdef"
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf || r == utf8.RuneError:
		return `\x` + string(hex[raw[0]>>4]) + string(hex[raw[0]&15])
	}
	out := []byte(`\u0000`)
	if r > 0xffff {
		out = []byte(`\U00000000`)
	}
	for i := len(out) - 1; i > 1; i-- {
		out[i] = hex[r&15]
		r >>= 4
	}
	return string(out)
}

// Arrow leads from before to after.
func (t Theme) Arrow() string {
	if t.ASCII {
		return "->"
	}
	return "→"
}
