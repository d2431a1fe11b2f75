package daemon

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// A watch reloads when the configuration's own files change ([reload] watch).
// It stands on the source that watches configuration files for events: that
// one knows links, editors' renames and a content that is the same as before,
// so that a bad file is tried once for each content.
type watch struct {
	d       *Daemon
	source  *events.ConfigSource
	least   time.Duration
	changed chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}
}

func newWatch(d *Daemon, cfg *config.Config) (*watch, error) {
	source, err := events.NewConfigSource(events.ConfigOptions{Paths: []string{d.opts.ConfigPath, cfg.Policies().Dir}})
	if err != nil {
		return nil, err
	}
	return &watch{d: d, source: source, least: cfg.Reload().MinInterval, changed: make(chan struct{}, 1), done: make(chan struct{})}, nil
}

func (w *watch) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		runner := &events.Runner{Source: w.source, Sink: w, Logger: w.d.log}
		runner.Run(ctx)
	}()
	go w.run(ctx)
}

// stop does not wait: the reload that stops the watch may be its own.
func (w *watch) stop() { w.cancel() }

// Observe takes what the source saw: any change is a reason to reload.
func (w *watch) Observe(evs ...events.Event) (int, error) {
	select {
	case w.changed <- struct{}{}:
	default: // one is under way, and reads the files after this
	}
	return len(evs), nil
}

// Room implements events.Sink: there is always room.
func (w *watch) Room() <-chan struct{} {
	open := make(chan struct{})
	close(open)
	return open
}

func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	var last time.Time
	for {
		select {
		case <-w.changed:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(w.least - time.Since(last)):
		case <-ctx.Done():
			return
		}
		last = time.Now()
		w.d.Reload("watch", nil)
	}
}
