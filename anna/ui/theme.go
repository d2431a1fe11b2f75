package ui

import (
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

// Arrow leads from before to after.
func (t Theme) Arrow() string {
	if t.ASCII {
		return "->"
	}
	return "→"
}
