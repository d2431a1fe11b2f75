package dash

import (
	"strings"

	"github.com/gdamore/tcell/v2"
)

// A key is one row of the table from which keys are looked up and the key bar
// and the help are drawn.
type key struct {
	names string // as the help writes them
	says  string // what it does
	bar   string // in the key bar; "" stands only in the help
	keys  []tcell.Key
	runes string
	do    func(*board)
}

// keys is the table, in the order of the help; the bar takes what fits of it.
var keys []key

func init() { // the help draws the table that opens it
	keys = []key{
		{"q, Ctrl-C", "leave", "q quit", []tcell.Key{tcell.KeyCtrlC}, "q", func(b *board) { b.quit() }},
		{"Ctrl-Z", "stop; fg in the shell goes on", "", []tcell.Key{tcell.KeyCtrlZ}, "", func(b *board) { b.suspend() }},
		{"?, F1", "this help", "? help", []tcell.Key{tcell.KeyF1}, "?", (*board).openHelp},
		{"p, space", "pause: the picture stays as it is", "p pause", nil, "p ", (*board).togglePause},
		{"/", "show only rows with a text", "/ filter", nil, "/", (*board).openFilter},
		{"Enter", "details of the row, else the panel alone", "Enter details", []tcell.Key{tcell.KeyEnter}, "", (*board).open},
		{"f", "the panel alone, and back", "", nil, "f", (*board).alone},
		{"Esc", "close the innermost thing", "", []tcell.Key{tcell.KeyEscape}, "", (*board).closeInnermost},
		{"Tab, Right", "next panel", "Tab next", []tcell.Key{tcell.KeyTab, tcell.KeyRight}, "", func(b *board) { b.turn(1) }},
		{"Shift-Tab, Left", "previous panel", "", []tcell.Key{tcell.KeyBacktab, tcell.KeyLeft}, "", func(b *board) { b.turn(-1) }},
		{"Down, j", "next row", "", []tcell.Key{tcell.KeyDown}, "j", func(b *board) { b.move(1) }},
		{"Up, k", "previous row", "", []tcell.Key{tcell.KeyUp}, "k", func(b *board) { b.move(-1) }},
		{"PgDn, PgUp", "ten rows on, ten rows back", "", []tcell.Key{tcell.KeyPgDn}, "", func(b *board) { b.move(10) }},
		{"", "", "", []tcell.Key{tcell.KeyPgUp}, "", func(b *board) { b.move(-10) }},
		{"g, Home", "first row", "", []tcell.Key{tcell.KeyHome}, "g", func(b *board) { b.move(-everyRow) }},
		{"G, End", "last row", "", []tcell.Key{tcell.KeyEnd}, "G", func(b *board) { b.move(everyRow) }},
		{"r", "ask now", "r now", nil, "r", func(b *board) { b.control.ask() }},
		{"+", "ask more often", "+/- interval", nil, "+=", func(b *board) { b.changeInterval(-1) }},
		{"-", "ask less often", "", nil, "-", func(b *board) { b.changeInterval(1) }},
		{"m", "mouse (on: the terminal selects no text)", "", nil, "m", (*board).toggleMouse},
	}
}

// everyRow is more rows than there are.
const everyRow = 1 << 30

// lookUp finds what a key does; nil where it does nothing.
func lookUp(event *tcell.EventKey) func(*board) {
	for _, k := range keys {
		for _, code := range k.keys {
			if event.Key() == code {
				return k.do
			}
		}
		if event.Key() == tcell.KeyRune && event.Modifiers()&(tcell.ModAlt|tcell.ModMeta) == 0 && strings.ContainsRune(k.runes, event.Rune()) {
			return k.do
		}
	}
	return nil
}
