package annatest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A Part is one more way to draw a screen, beside those of Screens.
type Part struct {
	Name string
	Draw func(io.Writer, ui.Theme)
}

// Screens freezes what a command shows in one golden file: as text, in ASCII
// and in colour, and whatever parts there are beyond. It holds that ASCII is
// ASCII, that no line ends in spaces, and that colours are nothing but colours.
func Screens(t testing.TB, golden string, draw func(io.Writer, ui.Theme), parts ...Part) {
	t.Helper()
	render := func(draw func(io.Writer, ui.Theme), theme ui.Theme) string {
		var b bytes.Buffer
		draw(&b, theme)
		return b.String()
	}
	text, ascii, colour := render(draw, ui.Theme{}), render(draw, ui.Theme{ASCII: true}), render(draw, ui.Theme{Colour: true})
	if strings.IndexFunc(ascii, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		t.Errorf("%s goes beyond ASCII:\n%s", golden, ascii)
	}
	if ui.Unpaint(colour) != text {
		t.Errorf("%s: the colours change more than the colour:\n%s", golden, colour)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.TrimRight(line, " ") != line {
			t.Errorf("%s has a line with spaces at its end: %q", golden, line)
		}
	}
	var b bytes.Buffer
	add := func(name, screen string) {
		fmt.Fprintf(&b, "# %s\n%s\n", name, strings.ReplaceAll(screen, "\x1b", "^["))
	}
	add("text", text)
	add("ASCII", ascii)
	add("colour", colour)
	for _, p := range parts {
		add(p.Name, render(p.Draw, ui.Theme{}))
	}
	Golden(t, golden, b.Bytes())
}
