package dash

import (
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A Moment is what else than the view makes a still picture.
type Moment struct {
	Keys    string        // pressed before it is drawn
	Trouble string        // why there is no answer
	Since   time.Duration // since the last answer
}

// Still draws a view at a size without a terminal, for tests, and returns what
// stands on the screen, with its styles as escape sequences where the theme has
// colours.
func Still(v View, t ui.Theme, width, height int, m Moment) (string, error) {
	s := tcell.NewSimulationScreen("UTF-8")
	if err := s.Init(); err != nil {
		return "", err
	}
	defer s.Fini()
	s.SetSize(width, height)
	b := newBoard(t, time.Second, newControl(time.Second))
	at := time.Now()
	b.now = func() time.Time { return at.Add(m.Since) }
	b.show(v, at)
	b.trouble = m.Trouble
	b.SetRect(0, 0, width, height)
	b.Draw(s)
	for _, r := range m.Keys {
		e := tcell.NewEventKey(tcell.KeyRune, r, tcell.ModNone)
		if r < ' ' {
			e = tcell.NewEventKey(tcell.Key(r), 0, tcell.ModNone)
		}
		b.InputHandler()(e, nil)
		s.Clear()
		b.Draw(s)
	}
	s.Show()
	return dump(s, t.Colour), nil
}

// dump is the text on a screen, line by line, without spaces at their ends.
func dump(s tcell.SimulationScreen, styles bool) string {
	w, h := s.Size()
	var out strings.Builder
	for y := range h {
		var line strings.Builder
		of := ""
		for x := 0; x < w; {
			text, style, width := s.Get(x, y)
			if now := styleOf(style); styles && now != of {
				line.WriteString("\x1b[0" + now + "m")
				of = now
			}
			line.WriteString(text)
			x += max(width, 1)
		}
		if of != "" {
			line.WriteString("\x1b[0m")
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return out.String()
}

func styleOf(style tcell.Style) string {
	fg, bg, attrs := style.Decompose()
	out := ""
	for _, a := range []struct {
		mask tcell.AttrMask
		code string
	}{{tcell.AttrBold, ";1"}, {tcell.AttrDim, ";2"}, {tcell.AttrReverse, ";7"}} {
		if attrs&a.mask != 0 {
			out += a.code
		}
	}
	for i := range 16 {
		if fg == tcell.PaletteColor(i) {
			out += ";3" + string(rune('0'+i))
		}
	}
	if bg != tcell.ColorDefault {
		out += ";40"
	}
	return out
}
