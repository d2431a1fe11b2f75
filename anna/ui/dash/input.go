package dash

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// InputHandler handles a key: in the filter's line while that is open, else as
// the table of keys says.
func (b *board) InputHandler() func(*tcell.EventKey, func(tview.Primitive)) {
	return func(event *tcell.EventKey, focus func(tview.Primitive)) {
		if b.filtering {
			switch event.Key() {
			case tcell.KeyCtrlC:
				b.quit()
			case tcell.KeyCtrlZ:
				b.suspend()
			case tcell.KeyEscape:
				b.endFilter(false)
			case tcell.KeyEnter:
				b.endFilter(true)
			default:
				b.input.InputHandler()(event, func(tview.Primitive) {})
			}
			return
		}
		do := lookUp(event)
		if do == nil {
			return
		}
		do(b)
	}
}

// PasteHandler takes what was pasted into the filter; elsewhere it is no keys.
func (b *board) PasteHandler() func(string, func(tview.Primitive)) {
	return func(text string, _ func(tview.Primitive)) {
		if b.filtering {
			b.input.PasteHandler()(text, func(tview.Primitive) {})
		}
	}
}

// MouseHandler: a click focuses a panel and its row, a second one on the row
// opens it, the wheel moves.
func (b *board) MouseHandler() func(tview.MouseAction, *tcell.EventMouse, func(tview.Primitive)) (bool, tview.Primitive) {
	return func(action tview.MouseAction, event *tcell.EventMouse, _ func(tview.Primitive)) (bool, tview.Primitive) {
		switch action {
		case tview.MouseScrollDown:
			b.move(3)
		case tview.MouseScrollUp:
			b.move(-3)
		case tview.MouseLeftClick:
			if b.overlay != nil {
				b.overlay = nil
			} else {
				b.click(event.Position())
			}
		default:
			return false, nil
		}
		return true, nil
	}
}

func (b *board) click(x, y int) {
	for _, p := range b.places {
		if p.Bare || x < p.X || x >= p.X+p.W || y-1 < p.Y || y-1 >= p.Y+p.H {
			continue
		}
		before := b.focus
		b.focus = p.Name
		c := b.cursors[p.Name]
		if c == nil {
			return
		}
		row := c.first + y - 1 - (p.Y + p.H - c.shown) // rows end where the panel does
		if row < c.first || row >= len(c.rows) {
			return
		}
		if before == p.Name && c.moved && c.index == row {
			b.open()
			return
		}
		c.index, c.id, c.moved = row, c.rows[row].ID, true
		return
	}
}
