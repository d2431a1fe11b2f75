package dash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Options say what a dashboard shows.
type Options struct {
	Theme    ui.Theme
	Interval time.Duration // how often Poll is called at first
	First    View          // shown at once
	// Poll gets the next picture. It is never called twice at a time, and not
	// while the picture is paused. An error is shown, and does not end anything.
	Poll func(context.Context) (View, error)
	// Beside are run beside it until the context ends, and push pictures as
	// they come by news, or have Poll called at once.
	Beside []func(ctx context.Context, push func(View), ask func())
	// Screen is drawn on, initialised. Nil: the terminal.
	Screen tcell.Screen
}

// ErrNoTerminal says that there is no terminal which could be drawn on.
var ErrNoTerminal = errors.New("no terminal to draw on")

// Run shows a dashboard until the user leaves or ctx ends. The terminal is as
// before when it returns, and when something in it panics.
func Run(ctx context.Context, o Options) error {
	screen := ready{Screen: o.Screen}
	if o.Screen == nil {
		tty, err := tcell.NewDevTty()
		if err == nil {
			screen.keyboard = newKeyboard(tty)
			screen.Screen, err = tcell.NewTerminfoScreenFromTty(screen.keyboard)
		}
		if err == nil {
			err = screen.Screen.Init()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoTerminal, err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	app := tview.NewApplication().SetScreen(screen).EnablePaste(true)
	control := newControl(o.Interval)
	b := newBoard(o.Theme, o.Interval, control)
	b.quit, b.mouse = cancel, func(on bool) { app.EnableMouse(on) }
	b.suspend = func() { suspend(app) }
	b.show(o.First, time.Now())
	app.SetRoot(b, true)
	// Ctrl-C is a key as any other.
	app.SetInputCapture(func(e *tcell.EventKey) *tcell.EventKey {
		if e.Key() == tcell.KeyCtrlC {
			return tcell.NewEventKey(tcell.KeyCtrlC, 0, tcell.ModNone)
		}
		return e
	})
	p := &pump{
		app: app, board: b, control: control, poll: o.Poll,
		ended: make(chan struct{}), results: make(chan result), news: make(chan struct{}, 1),
	}
	for _, f := range o.Beside {
		p.guard(func() { f(ctx, p.push, control.ask) })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run(ctx)
	}()
	defer func() { // also when the loop panics
		close(p.ended)
		cancel()
		<-done
		p.works.Wait()
	}()
	if err := app.Run(); err != nil {
		return fmt.Errorf("cannot use the terminal any longer: %w", err)
	}
	return nil
}

// ready is a screen that has been initialised: tview would do it again, and
// drop the error.
type ready struct {
	tcell.Screen
	keyboard *keyboard // nil for a screen that is none of a terminal
}

// Init does nothing.
func (ready) Init() error { return nil }

// Fini gives the terminal back, whatever is still being typed into it.
func (r ready) Fini() { r.deaf(r.Screen.Fini) }

// Suspend gives the terminal back until Resume, likewise.
func (r ready) Suspend() (err error) {
	r.deaf(func() { err = r.Screen.Suspend() })
	return err
}

// deaf throws away what is typed while a function runs, and after it. The screen
// waits for its readers to end, and those for somebody to take their events; the
// loop, which would, is in that function.
func (r ready) deaf(f func()) {
	q, ok := r.Screen.(interface{ EventQ() chan tcell.Event })
	if r.keyboard == nil || !ok {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-q.EventQ():
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	r.keyboard.silence()
	f()
}
