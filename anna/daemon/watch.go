package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// A watch reloads when the configuration's own files change ([reload] watch).
// It stands on the source that watches configuration files for events: that
// one knows links, editors' renames and files that are written piece by piece.
// What was read for the last attempt, whoever asked for it, is not tried again:
// a bad file is tried once for each content.
type watch struct {
	d       *Daemon
	source  *events.ConfigSource
	dir     string // of the policies
	least   time.Duration
	changed chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
}

// newWatch readies a watch; it holds nothing until it is started.
func newWatch(d *Daemon, cfg *config.Config) (*watch, error) {
	w := &watch{d: d, dir: cfg.Policies().Dir, least: cfg.Reload().MinInterval, changed: make(chan struct{}, 1)}
	var err error
	w.source, err = events.NewConfigSource(events.ConfigOptions{Paths: []string{d.opts.ConfigPath, w.dir}})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// fits reports whether the watch, which may be none, is what the configuration
// asks for.
func (w *watch) fits(cfg *config.Config) bool {
	if w == nil {
		return !cfg.Reload().Watch
	}
	return cfg.Reload().Watch && w.dir == cfg.Policies().Dir && w.least == cfg.Reload().MinInterval
}

// start begins to watch. Its stop does not wait, for the reload that stops a
// watch may be its own; the daemon's end waits for it.
func (w *watch) start() {
	w.ctx, w.stop = context.WithCancel(w.d.reloads.ctx)
	w.d.tasks.Go(func() {
		runner := &events.Runner{Source: w.source, Sink: w, Logger: w.d.log}
		runner.Run(w.ctx)
	})
	w.d.tasks.Go(w.run)
}

// Observe takes what the source saw: any change is a reason to look.
func (w *watch) Observe(evs ...events.Event) (int, error) {
	select {
	case w.changed <- struct{}{}:
	default: // a look is due, and reads the files after this
	}
	return len(evs), nil
}

// Room implements events.Sink: there is always room.
func (w *watch) Room() <-chan struct{} {
	open := make(chan struct{})
	close(open)
	return open
}

func (w *watch) run() {
	if !w.sees() {
		return
	}
	for {
		// Also before the first notice: the files may have changed between the
		// reload that began this watch and its first look.
		if w.news() && w.pause() {
			w.reload()
		}
		select {
		case <-w.changed:
		case <-w.ctx.Done():
			return
		}
	}
}

// sees waits until the source has looked for the first time.
func (w *watch) sees() bool {
	for w.source.Status().State == events.SourceStopped {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-w.ctx.Done():
			return false
		}
	}
	return true
}

// news reports whether the files are not those of the last attempt.
func (w *watch) news() bool {
	src := config.Read(w.d.opts.ConfigPath)
	_, report := w.d.understand(src)
	r := w.d.reloads
	r.state.Lock()
	defer r.state.Unlock()
	return fingerprint(src, report.Problems) != r.print
}

// pause waits until the watch may begin a reload again; what changes meanwhile
// is in that one. It is false when the watch is stopped.
func (w *watch) pause() bool {
	r := w.d.reloads
	r.state.Lock()
	last := r.watched
	r.state.Unlock()
	if !last.IsZero() {
		select {
		case <-time.After(w.least - time.Since(last)):
		case <-w.ctx.Done():
			return false
		}
	}
	r.state.Lock()
	r.watched = time.Now()
	r.state.Unlock()
	return w.ctx.Err() == nil
}

func (w *watch) reload() {
	select {
	case <-w.changed: // this reload reads what was changed until now
	default:
	}
	if !w.news() { // it was changed back, or somebody else was faster
		return
	}
	if _, err := w.d.Reload("watch", nil); err != nil {
		w.d.log.Debug("the watch ends", "error", err)
	}
}

// fingerprint tells one reading of the files from another: by what was read,
// and by what could not be.
func fingerprint(src *config.Sources, problems []config.Problem) string {
	said, err := json.Marshal(problems)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %v %x", src.Digest(), src.Missing, sha256.Sum256(said))
}
