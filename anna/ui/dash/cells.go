package dash

import (
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// init takes tview's colours away: the terminal's own are kept. A locale whose
// characters tcell does not know is no reason to draw nothing: what is not ASCII
// is drawn as a question mark there, and the theme asks for none.
func init() {
	tcell.SetEncodingFallback(tcell.EncodingFallbackASCII)
	tview.Styles.PrimitiveBackgroundColor = tcell.ColorDefault
	tview.Styles.ContrastBackgroundColor = tcell.ColorDefault
	tview.Styles.PrimaryTextColor = tcell.ColorDefault
}

// A canvas draws painted text into the cells of a screen.
type canvas struct {
	screen tcell.Screen
	theme  ui.Theme
	dim    bool // everything on it is of the past
}

// maxText bounds what is measured of one line, in bytes.
const maxText = 4096

func (c canvas) base() tcell.Style { return tcell.StyleDefault.Dim(c.dim) }

// text draws a line from x on in at most width columns and returns how many it
// took. What is cut ends with a mark.
func (c canvas) text(x, y, width int, text string) int {
	return c.styled(x, y, width, text, c.base())
}

func (c canvas) styled(x, y, width int, text string, base tcell.Style) int {
	text = c.theme.Cut(text[:min(len(text), maxText)], width)
	style, at := base, 0
	for text != "" && at < width {
		if next, rest, ok := sgr(text, style, base); ok {
			style, text = next, rest
			continue
		}
		// Up to the next change of style: clusters never reach across one.
		part, rest := text, ""
		if i := strings.IndexByte(text[1:], '\x1b'); i >= 0 {
			part, rest = text[:i+1], text[i+1:]
		}
		for part != "" && at < width {
			after, w := c.screen.Put(x+at, y, part, style)
			switch {
			case after == part: // outside the screen
				return at
			case at+w > width: // half of a wide character
				c.screen.Put(x+at, y, " ", style)
			}
			part = after
			at += w
		}
		text = rest
	}
	return at
}

// pointer stands before what has the focus.
func (c canvas) pointer() string {
	if c.theme.ASCII {
		return ">"
	}
	return "▸"
}

// rule draws a line between two columns.
func (c canvas) rule(x, y, width int) {
	line := "─"
	if c.theme.ASCII {
		line = "-"
	}
	if width > 0 {
		c.text(x, y, width, c.theme.Paint(ui.Faint, strings.Repeat(line, width)))
	}
}

// clear empties a rectangle.
func (c canvas) clear(x, y, w, h int) {
	for row := range h {
		for col := range w {
			c.screen.Put(x+col, y+row, " ", tcell.StyleDefault)
		}
	}
}

// strong makes what is there stand out.
func (c canvas) strong(x, y, w int) {
	for col := 0; col < w; {
		text, style, width := c.screen.Get(x+col, y)
		c.screen.Put(x+col, y, text, style.Bold(true).Dim(c.dim))
		col += max(width, 1)
	}
}

// sgr takes one escape sequence as ui.Theme writes it off a text. The colours
// are those of the terminal's own sixteen.
func sgr(text string, style, base tcell.Style) (tcell.Style, string, bool) {
	rest, ok := strings.CutPrefix(text, "\x1b[")
	if !ok {
		return style, text, false
	}
	code, rest, ok := strings.Cut(rest, "m")
	if !ok {
		return style, text, false
	}
	switch code {
	case "0", "":
		style = base
	case "1":
		style = style.Bold(true)
	case "2":
		style = style.Dim(true)
	case "31":
		style = style.Foreground(tcell.PaletteColor(1))
	case "32":
		style = style.Foreground(tcell.PaletteColor(2))
	case "33":
		style = style.Foreground(tcell.PaletteColor(3))
	case "36":
		style = style.Foreground(tcell.PaletteColor(6))
	}
	return style, rest, true
}
