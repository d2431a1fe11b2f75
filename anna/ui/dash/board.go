package dash

import (
	"slices"
	"strings"
	"time"

	"github.com/rivo/tview"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A board is the one widget: the picture of a view, and all that keys changed
// about it. Only the loop touches it.
type board struct {
	*tview.Box
	theme   ui.Theme
	now     func() time.Time
	control *control
	quit    func()
	mouse   func(on bool)
	suspend func()

	view     View
	waiting  View // the newest, while the picture is paused
	answered time.Time
	trouble  string // why there is no answer; "" while there are answers
	interval time.Duration
	paused   bool
	pausedAt time.Time
	mouseOn  bool

	focus     string
	full      string // the panel that stands alone; "" for all
	cursors   map[string]*cursor
	filter    string
	filtering bool
	input     *tview.InputField
	overlay   *overlay

	places []Place // as drawn last
}

func newBoard(theme ui.Theme, interval time.Duration, c *control) *board {
	b := &board{
		Box: tview.NewBox(), theme: theme, interval: interval, control: c, now: time.Now,
		quit: func() {}, mouse: func(bool) {}, suspend: func() {}, cursors: map[string]*cursor{}, input: tview.NewInputField(),
	}
	b.input.SetChangedFunc(func(text string) { b.filter = text })
	return b
}

// show takes a finished snapshot.
func (b *board) show(v View, answered time.Time) {
	if !answered.IsZero() {
		b.answered, b.trouble = answered, ""
	}
	if b.paused {
		b.waiting = v
		return
	}
	b.view = v
}

func (b *board) stale() bool { return b.trouble != "" && !b.paused }

func (b *board) togglePause() {
	b.paused, b.pausedAt = !b.paused, b.now()
	if !b.paused && b.waiting != nil {
		b.view, b.waiting = b.waiting, nil
	}
	b.control.pause(b.paused)
}

func (b *board) changeInterval(by int) {
	b.interval = stepInterval(b.interval, by)
	b.control.setInterval(b.interval)
}

func (b *board) toggleMouse() {
	b.mouseOn = !b.mouseOn
	b.mouse(b.mouseOn)
}

func (b *board) openHelp() {
	rows := [][]string{}
	for _, k := range keys {
		if k.names != "" {
			rows = append(rows, []string{k.names, k.says})
		}
	}
	b.overlay = &overlay{title: "keys", lines: strings.Split(strings.TrimSuffix(ui.Columns(rows), "\n"), "\n")}
}

func (b *board) openFilter() {
	if b.view == nil {
		return
	}
	b.filtering = true
	b.input.SetText(b.filter)
	b.input.Focus(func(tview.Primitive) {})
}

// open shows the details of the row under the cursor, or the panel alone.
func (b *board) open() {
	c := b.cursors[b.focus]
	switch {
	case b.focus == "":
	case c != nil && c.index < len(c.rows) && len(c.rows[c.index].Detail) > 0:
		b.overlay = &overlay{title: b.focus, lines: c.rows[c.index].Detail}
	case b.full == "":
		b.full = b.focus
	}
}

// alone has the focused panel fill the screen, or no more.
func (b *board) alone() {
	if b.full != "" {
		b.full = ""
		return
	}
	b.full = b.focus
}

// closeInnermost closes what was opened last.
func (b *board) closeInnermost() {
	switch {
	case b.overlay != nil:
		b.overlay = nil
	case b.filtering:
		b.endFilter(false)
	case b.full != "":
		b.full = ""
	case b.filter != "":
		b.filter = ""
	}
}

func (b *board) endFilter(keep bool) {
	b.filtering = false
	b.input.Blur()
	if !keep {
		b.filter = ""
	}
}

// turn gives the focus to the next panel, or the one before.
func (b *board) turn(by int) {
	var names []string
	for _, p := range b.allPlaces() {
		if !p.Bare {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	i := slices.Index(names, b.focus)
	if i < 0 && by < 0 {
		i = 0
	}
	b.focus = names[(i+by+len(names))%len(names)]
	if b.full != "" {
		b.full = b.focus
	}
}

// move moves the cursor in the focused panel.
func (b *board) move(by int) {
	if b.overlay != nil {
		b.overlay.scroll(by)
		return
	}
	c := b.cursors[b.focus]
	if c == nil || len(c.rows) == 0 {
		return
	}
	c.index = min(max(c.index+by, 0), len(c.rows)-1)
	c.id = c.rows[c.index].ID
	c.moved = by != everyRow // from the end on, new rows are followed
}

// allPlaces is where panels stand in the room below the head and above the
// keys.
func (b *board) allPlaces() []Place {
	_, _, w, h := b.GetRect()
	if b.view == nil || w < 1 || h < 3 {
		return nil
	}
	return b.view.Layout(Frame{Width: w, Height: h - 2, Theme: b.theme})
}

// layout is allPlaces, or the one panel that stands alone.
func (b *board) layout() []Place {
	places := b.allPlaces()
	if b.full == "" || len(places) == 0 {
		return places
	}
	_, _, w, h := b.GetRect()
	return []Place{{Name: b.full, W: w, H: h - 2}}
}

// chosen are the rows of a panel that the filter lets through.
func (b *board) chosen(rows []Row) []Row {
	if b.filter == "" {
		return rows
	}
	want := strings.ToLower(b.filter)
	var out []Row
	for _, r := range rows {
		if strings.Contains(strings.ToLower(ui.Unpaint(r.Text)), want) {
			out = append(out, r)
		}
	}
	return out
}
