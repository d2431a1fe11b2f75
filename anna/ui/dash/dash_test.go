package dash

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"go.uber.org/goleak"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A list is a view with one bare panel and two of rows.
type list struct {
	head      string
	rows      []Row
	drawn     func()
	drawnHead func()
}

func (l *list) Head(Frame) string {
	if l.drawnHead != nil {
		l.drawnHead()
	}
	return l.head
}

func (l *list) Layout(f Frame) []Place {
	if f.Width < 20 || f.Height < 6 {
		return nil
	}
	half := f.Height / 2
	return []Place{
		{Name: "bare", W: f.Width, H: 1, Bare: true},
		{Name: "one", Y: 1, W: f.Width, H: half - 1},
		{Name: "two", Y: half, W: f.Width, H: f.Height - half},
	}
}

func (l *list) Panel(name string, f Frame) Panel {
	if l.drawn != nil {
		l.drawn()
	}
	switch name {
	case "bare":
		return Panel{Top: []string{"bare"}}
	case "one":
		return Panel{Title: "one", Rows: l.rows, Empty: "none"}
	}
	return Panel{Title: "two", Rows: l.rows, Tail: true, Empty: "none"}
}

func rows(n int) []Row {
	var out []Row
	for i := range n {
		out = append(out, Row{ID: fmt.Sprint(i), Text: fmt.Sprintf("row %d", i), Detail: []string{fmt.Sprintf("detail %d", i)}})
	}
	return out
}

// screenOf draws a board on a screen of a size and returns what stands there.
func screenOf(t *testing.T, b *board, w, h int) string {
	t.Helper()
	s := tcell.NewSimulationScreen("UTF-8")
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer s.Fini()
	s.SetSize(w, h)
	b.SetRect(0, 0, w, h)
	b.Draw(s)
	s.Show()
	return dump(s, false)
}

func newTestBoard(v View) *board {
	b := newBoard(ui.Theme{ASCII: true}, time.Second, newControl(time.Second))
	b.show(v, time.Now())
	b.Focus(nil)
	return b
}

func (b *board) press(keys ...any) {
	for _, k := range keys {
		var e *tcell.EventKey
		switch k := k.(type) {
		case tcell.Key:
			e = tcell.NewEventKey(k, 0, tcell.ModNone)
		case rune:
			e = tcell.NewEventKey(tcell.KeyRune, k, tcell.ModNone)
		}
		b.InputHandler()(e, nil)
	}
}

func wants(t *testing.T, screen string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		no, hidden := strings.CutPrefix(part, "!")
		if strings.Contains(screen, no) == hidden {
			t.Errorf("the screen is wrong about %q:\n%s", part, screen)
		}
	}
}

// TestKeys presses every key of the table, and holds that the help shows each.
func TestKeys(t *testing.T) {
	b := newTestBoard(&list{head: "head", rows: rows(30)})
	draw := func() string { return screenOf(t, b, 60, 24) }
	wants(t, draw(), "> one", "> row 0", "every 1s", "q quit  ? help  p pause", "row 29")

	b.press('j', tcell.KeyDown)
	wants(t, draw(), "> row 2")
	b.press('k')
	wants(t, draw(), "> row 1", "!> row 2")
	b.press(tcell.KeyPgDn)
	wants(t, draw(), "> row 11")
	b.press(tcell.KeyPgUp)
	wants(t, draw(), "> row 1\n", "+")
	b.press('G')
	wants(t, draw(), "> row 29")
	b.press('g')
	wants(t, draw(), "> row 0")

	b.press(tcell.KeyTab)
	wants(t, draw(), "> two", "  one", "> row 29")
	b.press(tcell.KeyBacktab)
	wants(t, draw(), "> one")
	b.press(tcell.KeyRight, tcell.KeyLeft)
	wants(t, draw(), "> one")

	b.press(tcell.KeyEnter)
	wants(t, draw(), "detail 0", "Esc closes")
	b.press(tcell.KeyEscape)
	wants(t, draw(), "!detail 0")
	b.press('f')
	wants(t, draw(), "> one", "!two", "row 20", "!bare")
	b.press(tcell.KeyTab)
	wants(t, draw(), "> two", "!one")
	b.press(tcell.KeyEscape)
	wants(t, draw(), "one", "> two", "bare")
	b.press(tcell.KeyTab)

	b.press('/', '2', '7', tcell.KeyEnter)
	wants(t, draw(), "filter: 27", "> row 27", "!row 26")
	b.press('/', 'x')
	wants(t, draw(), "filter: 27x", `nothing here has "27x"`, "Enter keeps it, Esc clears it")
	b.press(tcell.KeyEscape)
	wants(t, draw(), "!filter: ", "row 0")
	b.press('/', '3', tcell.KeyEnter)
	wants(t, draw(), "filter: 3")
	b.press(tcell.KeyEscape)
	wants(t, draw(), "!filter: ")

	b.press('p')
	b.show(&list{head: "next"}, time.Now())
	wants(t, draw(), "head", "paused, p goes on")
	b.press(' ')
	wants(t, draw(), "next", "none", "!paused")
	if _, paused, now := b.control.take(); paused || !now {
		t.Error("after a pause nobody is asked at once")
	}
	b.press('r')
	if _, _, now := b.control.take(); !now {
		t.Error("r does not ask")
	}
	b.press('+')
	wants(t, draw(), "every 500ms")
	b.press('-', '-')
	wants(t, draw(), "every 2s")
	for range 20 {
		b.press('-')
	}
	wants(t, draw(), "every 1m0s")
	for range 20 {
		b.press('+')
	}
	wants(t, draw(), "every 100ms")

	mouse := false
	b.mouse = func(on bool) { mouse = on }
	b.press('m')
	if !mouse {
		t.Error("m does not switch the mouse on")
	}
	stops := 0
	b.suspend = func() { stops++ }
	b.press(tcell.KeyCtrlZ, '/', tcell.KeyCtrlZ, tcell.KeyEscape)
	if stops != 2 {
		t.Errorf("stopped %d times, not 2", stops)
	}
	left := 0
	b.quit = func() { left++ }
	b.press('q', tcell.KeyCtrlC, '/', tcell.KeyCtrlC)
	if left != 3 {
		t.Errorf("left %d times, not 3", left)
	}
	b.press(tcell.KeyEscape)

	b.press('?')
	help := draw()
	for _, k := range keys {
		if k.names != "" {
			wants(t, help, k.names, k.says)
		}
	}
	b.press(tcell.KeyEscape, tcell.KeyEscape, tcell.KeyEscape)
	wants(t, draw(), "!this help")
}

// TestHelpScrolls holds that the help can be read where there is little room.
func TestHelpScrolls(t *testing.T) {
	b := newTestBoard(&list{head: "head", rows: rows(3)})
	b.press('?')
	wants(t, screenOf(t, b, 40, 12), "leave", "10 of ", "!less often")
	b.press('G')
	wants(t, screenOf(t, b, 40, 12), "!leave", "ask less often")
	b.press('g')
	wants(t, screenOf(t, b, 10, 3), "q, Ctrl")
}

// TestCursorStays holds that the cursor stays on its row while rows come and
// go, and that a tail follows what comes until somebody looks back.
func TestCursorStays(t *testing.T) {
	v := &list{head: "head", rows: rows(5)}
	b := newTestBoard(v)
	draw := func() string { return screenOf(t, b, 40, 24) }
	draw()
	b.press('j', 'j')
	wants(t, draw(), "> row 2")
	v.rows = append([]Row{{ID: "x", Text: "first"}}, v.rows[1:]...)
	wants(t, draw(), "> row 2")
	v.rows = v.rows[:2]
	wants(t, draw(), "> row 1")
	v.rows = rows(40)
	b.press(tcell.KeyTab)
	wants(t, draw(), "> row 39")
	b.press('k')
	v.rows = rows(50)
	wants(t, draw(), "> row 38", "!row 49")
	b.press('G')
	draw()
	v.rows = rows(60)
	wants(t, draw(), "> row 59")
}

// TestSizes draws at every size from 0x0 on, with everything open.
func TestSizes(t *testing.T) {
	v := &list{head: "head [red] 日本", rows: append(rows(3), Row{ID: "w", Text: strings.Repeat("日", 80), Detail: []string{strings.Repeat("日", 200)}})}
	widths, heights := []int{0, 1, 2, 3, 7, 8, 19, 20, 21, 29, 30, 31, 44}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13}
	for _, w := range widths {
		for _, h := range heights {
			for _, open := range [][]any{nil, {'?'}, {'/'}, {'f'}, {'G', tcell.KeyEnter}, {'/', 'x', tcell.KeyEnter}, {'p'}} {
				b := newTestBoard(v)
				screenOf(t, b, 60, 20)
				b.press(open...)
				screenOf(t, b, w, h)
				b.press(tcell.KeyTab, tcell.KeyDown, tcell.KeyPgUp, tcell.KeyEnter, 'f', tcell.KeyEscape, tcell.KeyEscape)
				screenOf(t, b, w, h)
			}
		}
	}
}

// TestStale holds what is said when nobody answers, and that it is unsaid.
func TestStale(t *testing.T) {
	b := newTestBoard(&list{head: "head", rows: rows(3)})
	now := b.answered
	b.now = func() time.Time { return now.Add(7 * time.Second) }
	b.result(result{err: errors.New("nobody listens")})
	wants(t, screenOf(t, b, 60, 20), "head", "row 1", "no answer for 7 s, retrying", "nobody listens", "q quit")
	wants(t, screenOf(t, b, 40, 1), "head", "no answer for 7 s, retrying")
	b.press('p')
	wants(t, screenOf(t, b, 60, 20), "paused", "!no answer")
	b.press('p')
	b.result(result{view: &list{head: "another"}, at: time.Now()})
	wants(t, screenOf(t, b, 60, 20), "another", "!no answer")
	b.late(true)
	wants(t, screenOf(t, b, 60, 20), "no answer for", "takes long to answer")
	b.late(false)
}

// TestMouse clicks a row, again, and turns the wheel.
func TestMouse(t *testing.T) {
	b := newTestBoard(&list{head: "head", rows: rows(30)})
	draw := func() string { return screenOf(t, b, 40, 24) }
	text := draw()
	y := 0
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "  row 25") {
			y = i
		}
	}
	b.click(5, y)
	wants(t, draw(), "> two", "> row 25")
	b.click(5, y)
	wants(t, draw(), "detail 25")
	b.press(tcell.KeyEscape)
	b.click(5, 0)
	b.click(500, 500)
	wants(t, draw(), "> row 25")
}

// TestStartStop starts and leaves many times, by key and by context, while
// pictures come: no goroutine stays and nothing hangs.
func TestStartStop(t *testing.T) {
	others := goleak.IgnoreCurrent() // what a panic of another test left
	cycles := 300
	if testing.Short() {
		cycles = 30
	}
	for i := range cycles {
		ctx, cancel := context.WithCancel(t.Context())
		s := tcell.NewSimulationScreen("UTF-8")
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		s.SetSize(60, 20)
		var polls atomic.Int64
		answer := make(chan struct{}, 1000)
		o := Options{
			Theme: ui.Theme{Colour: true}, Interval: time.Millisecond, First: &list{head: "first"}, Screen: s,
			Poll: func(context.Context) (View, error) {
				n := polls.Add(1)
				select {
				case answer <- struct{}{}:
				default:
				}
				if n%3 == 0 {
					return nil, errors.New("no answer")
				}
				return &list{head: fmt.Sprint(n), rows: rows(int(n))}, nil
			},
			Beside: []func(context.Context, func(View), func()){func(ctx context.Context, push func(View), ask func()) {
				for ctx.Err() == nil {
					push(&list{head: "pushed"})
					ask()
					select {
					case <-ctx.Done():
					case <-time.After(time.Millisecond):
					}
				}
			}},
		}
		done := make(chan error, 1)
		go func() { done <- Run(ctx, o) }()
		if i%2 == 0 {
			<-answer // it runs; at odd numbers it is ended before it began
		}
		if i%4 == 0 {
			s.InjectKey(tcell.KeyRune, '?', tcell.ModNone)
			s.InjectKey(tcell.KeyRune, 'q', tcell.ModNone)
		} else {
			cancel()
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("cycle %d hangs", i)
		}
		cancel()
	}
	goleak.VerifyNone(t, others)
}

// TestPanic holds that a panic beside the loop and one on it both end Run as a
// panic, with the screen finished first.
func TestPanic(t *testing.T) {
	quiet := func(context.Context) (View, error) { return &list{head: "x", rows: rows(1)}, nil }
	for name, o := range map[string]Options{
		"asking":  {First: &list{}, Poll: func(context.Context) (View, error) { panic("poor poll") }},
		"drawing": {First: &list{drawn: func() { panic("poor panel") }}, Poll: quiet},
		"head":    {First: &list{drawnHead: func() { panic("poor head") }}, Poll: quiet},
		"beside": {First: &list{}, Poll: quiet, Beside: []func(context.Context, func(View), func()){
			func(context.Context, func(View), func()) { panic("poor push") },
		}},
	} {
		s := &finishing{Screen: tcell.NewSimulationScreen("UTF-8")}
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		o.Screen, o.Interval = s, time.Second
		crash := func() (crash any) {
			defer func() { crash = recover() }()
			return Run(t.Context(), o)
		}()
		if text := fmt.Sprint(crash); !strings.HasPrefix(text, "poor ") {
			t.Errorf("%s: %v", name, crash)
		}
		if s.finished.Load() == 0 {
			t.Errorf("%s: the screen was not finished", name)
		}
	}
}

type finishing struct {
	tcell.Screen
	finished atomic.Int64
}

func (f *finishing) Fini() {
	if f.finished.Add(1) == 1 {
		f.Screen.Fini()
	}
}
