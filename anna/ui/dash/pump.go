package dash

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/rivo/tview"
)

const (
	// slow is how long an answer may take before the picture is called old.
	slow = 2 * time.Second
	// leastRetry and mostRetry bound how often one asks who does not answer.
	leastRetry = 500 * time.Millisecond
	mostRetry  = 2 * time.Second
	// breath is the least time between two pictures that were pushed.
	breath = 100 * time.Millisecond
)

// A pump asks, and is the one goroutine that talks to the loop.
type pump struct {
	app     *tview.Application
	board   *board // touched only on the loop
	control *control
	poll    func(context.Context) (View, error)
	ended   chan struct{} // the loop has

	results chan result
	works   sync.WaitGroup

	mu     sync.Mutex
	pushed View
	crash  any
	news   chan struct{}
}

type result struct {
	view View
	err  error
	at   time.Time
}

// run asks again and again until ctx ends. Its last word to the loop is the
// stop: nothing comes after it.
func (p *pump) run(ctx context.Context) {
	asking, retry := false, false
	var asked time.Time
	next := time.NewTimer(0)
	defer next.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var drawn time.Time
	for ctx.Err() == nil {
		interval, paused, now := p.control.take()
		if now && !asking {
			next.Reset(0)
		}
		select {
		case <-ctx.Done():
		case <-p.control.wake:
			if interval, _, _ := p.control.peek(); !asking {
				next.Reset(max(0, time.Until(asked.Add(interval))))
			}
		case <-next.C:
			if asking || paused {
				break
			}
			asking, asked = true, time.Now()
			p.guard(func() { p.ask(ctx) })
		case r := <-p.results:
			asking, retry = false, r.err != nil
			pause := interval
			if retry {
				pause = min(max(interval, leastRetry), mostRetry)
			}
			next.Reset(max(0, time.Until(asked.Add(pause))))
			p.post(func() { p.board.result(r) })
			drawn = time.Now()
		case <-p.news:
			// Many at once are one picture.
			select {
			case <-time.After(time.Until(drawn.Add(breath))):
			case <-ctx.Done():
			}
			p.mu.Lock()
			view, crash := p.pushed, p.crash
			p.mu.Unlock()
			p.post(func() {
				if crash != nil {
					panic(crash)
				}
				p.board.show(view, time.Time{})
			})
			drawn = time.Now()
		case <-second.C:
			if late := asking && time.Since(asked) > slow; (late || retry) && !paused {
				p.post(func() { p.board.late(late) })
			}
		}
	}
	p.post(p.app.Stop)
}

// ask asks once.
func (p *pump) ask(ctx context.Context) {
	v, err := p.poll(ctx)
	select {
	case p.results <- result{v, err, time.Now()}:
	case <-ctx.Done():
	}
}

// push hands over a picture that somebody else than ask came by.
func (p *pump) push(v View) {
	p.mu.Lock()
	p.pushed = v
	p.mu.Unlock()
	p.wake()
}

func (p *pump) wake() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// post has the loop do something and draw, and waits for it; not for a loop
// that has ended by itself.
func (p *pump) post(f func()) {
	done := make(chan struct{})
	go func() {
		p.app.QueueUpdateDraw(f)
		close(done)
	}()
	select {
	case <-done:
	case <-p.ended:
	}
}

// guard runs a function beside the loop. Where it panics, the loop does: that
// is where the terminal is put right before the program dies.
func (p *pump) guard(f func()) {
	p.works.Go(func() {
		defer func() {
			if crash := recover(); crash != nil {
				p.mu.Lock()
				p.crash = fmt.Sprintf("%v\n\n%s", crash, debug.Stack())
				p.mu.Unlock()
				p.wake()
			}
		}()
		f()
	})
}

// result is what the pump tells about an answer.
func (b *board) result(r result) {
	if r.err != nil {
		b.trouble = r.err.Error()
		return
	}
	b.show(r.view, r.at)
}

// late says that an answer is overdue.
func (b *board) late(waiting bool) {
	if waiting && b.trouble == "" {
		b.trouble = "the daemon takes long to answer"
	}
}
