package dash

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Draw draws the picture. There is no size at which it does not.
func (b *board) Draw(screen tcell.Screen) {
	_, _, w, h := b.GetRect()
	b.places = nil
	if w < 1 || h < 1 {
		return
	}
	c := canvas{screen: screen, theme: b.theme, dim: b.stale()}
	b.drawHead(c, w)
	if b.view == nil {
		return
	}
	b.places = b.layout()
	if len(b.places) == 0 {
		b.full = ""
	}
	if !slices.ContainsFunc(b.places, func(p Place) bool { return p.Name == b.focus }) {
		b.focus = ""
	}
	for _, p := range b.places {
		if b.focus == "" && !p.Bare {
			b.focus = p.Name
		}
	}
	for _, p := range b.places {
		p.Y++ // below the head
		b.drawPanel(c, p)
	}
	if h > 2 && len(b.places) > 0 {
		b.drawBar(canvas{screen: screen, theme: b.theme}, w, h-1)
	}
	if b.overlay != nil {
		b.overlay.draw(canvas{screen: screen, theme: b.theme}, w, h)
	}
}

// drawHead draws the view's head and, at the right end, what one has to know
// about the picture as a whole. That has the right of way.
func (b *board) drawHead(c canvas, w int) {
	status := b.status()
	sw := ui.Width(status)
	if sw > 0 {
		canvas{screen: c.screen, theme: c.theme}.text(max(w-sw, 0), 0, w, status)
		w -= sw + 2
	}
	if b.view != nil && w > 0 {
		c.text(0, 0, w, b.view.Head(Frame{Width: w, Height: 1, Theme: b.theme}))
	}
}

func (b *board) status() string {
	t := b.theme
	switch {
	case b.view == nil:
		return "waiting for the first answer"
	case b.paused:
		return t.Paint(ui.Accent, "paused, p goes on")
	case b.stale():
		return t.Paint(ui.Bad, "no answer for "+ui.Span(b.now().Sub(b.answered))+", retrying")
	}
	return t.Paint(ui.Faint, "every "+b.interval.String())
}

func (b *board) drawPanel(c canvas, p Place) {
	f := Frame{Width: p.W, Height: p.H, Theme: b.theme}
	x, y := p.X, p.Y
	if !p.Bare {
		x, f.Width, f.Height = x+2, f.Width-2, f.Height-1
		y++
	}
	if f.Width < 1 || f.Height < 1 {
		return
	}
	panel := b.view.Panel(p.Name, f)
	if !p.Bare {
		b.drawTitle(c, p, panel)
	}
	for i, line := range panel.Top {
		if i >= f.Height {
			return
		}
		c.text(x, y+i, f.Width, line)
	}
	top := min(len(panel.Top), f.Height)
	b.drawRows(c, p, panel, x, y+top, f.Width, f.Height-top)
}

func (b *board) drawTitle(c canvas, p Place, panel Panel) {
	title := "  " + panel.Title
	if p.Name == b.focus {
		title = b.theme.Paint(ui.Accent, c.pointer()) + " " + b.theme.Paint(ui.Strong, panel.Title)
	}
	at := c.text(p.X, p.Y, p.W, title) + 1
	note, rest := panel.Note, p.W-at
	// A note that does not fit is cut, one that is nothing but a mark is none.
	if nw := min(ui.Width(note), rest-3); note != "" && nw >= 8 {
		c.text(p.X+p.W-nw, p.Y, nw, b.theme.Paint(ui.Faint, note))
		rest -= nw + 1
	}
	c.rule(p.X+at, p.Y, rest)
}

func (b *board) drawRows(c canvas, p Place, panel Panel, x, y, w, h int) {
	cur := b.cursors[p.Name]
	if cur == nil {
		cur = &cursor{}
		b.cursors[p.Name] = cur
	}
	rows := b.chosen(panel.Rows)
	cur.settle(rows, max(h, 0), panel.Tail)
	if h < 1 {
		return
	}
	if len(rows) == 0 {
		empty := panel.Empty
		if len(panel.Rows) > 0 {
			empty = "nothing here has " + ui.Plain(fmt.Sprintf("%q", b.filter))
		}
		c.text(x, y, w, b.theme.Paint(ui.Faint, empty))
		return
	}
	for i, row := range rows[cur.first:min(cur.first+h, len(rows))] {
		c.text(x, y+i, w, row.Text)
		if p.Name == b.focus && cur.first+i == cur.index && !p.Bare {
			c.text(x-2, y+i, 2, b.theme.Paint(ui.Accent, c.pointer()))
			if b.theme.Colour {
				c.strong(x, y+i, w)
			}
		}
	}
	if more := len(rows) - cur.first - h; more > 0 && !panel.Tail && !p.Bare {
		text := fmt.Sprintf(" +%d", more)
		c.text(x+w-len(text), y+h-1, len(text), b.theme.Paint(ui.Faint, text))
	}
}

// drawBar draws the last line: the keys, and what is in the way of an answer.
func (b *board) drawBar(c canvas, w, y int) {
	if b.filtering {
		at := c.text(0, y, w, "filter: ")
		hint := "Enter keeps it, Esc clears it"
		room := w - at
		if room > len(hint)+12 {
			room -= len(hint) + 1
			c.text(w-len(hint), y, len(hint), b.theme.Paint(ui.Faint, hint))
		}
		b.input.SetFieldWidth(0)
		b.input.SetRect(at, y, room, 1)
		b.input.Draw(c.screen)
		return
	}
	var left string
	switch {
	case b.stale():
		left = "q quit  ? help  " + b.theme.Paint(ui.Warn, ui.Plain(b.trouble))
	case b.filter != "":
		left = "filter: " + b.theme.Paint(ui.Accent, ui.Plain(b.filter)) + "  Esc clears it  "
		left += b.keyBar(w - ui.Width(left))
	default:
		left = b.keyBar(w)
	}
	c.text(0, y, w, left)
}

// keyBar is as much of the key table as fits.
func (b *board) keyBar(w int) string {
	var bar strings.Builder
	used := 0
	for _, k := range keys {
		if k.bar == "" {
			continue
		}
		if used += len(k.bar) + 2; used-2 > w {
			break
		}
		name, does, _ := strings.Cut(k.bar, " ")
		bar.WriteString(b.theme.Paint(ui.Strong, name) + " " + b.theme.Paint(ui.Faint, does) + "  ")
	}
	return strings.TrimRight(bar.String(), " ")
}
