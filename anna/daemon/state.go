package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// stateDir makes the state directory; a directory that cannot be made is no
// reason not to run: spool and store say so and keep to memory.
func stateDir(cfg *config.Config) (string, error) {
	dir := cfg.Daemon().StateDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dir, fmt.Errorf("cannot make the state directory %s: %w", dir, bare(err))
	}
	return dir, nil
}

// openStore opens the daemon's memory. Switched off, it keeps what is recent
// in memory and nothing on disk.
func openStore(ctx context.Context, dir string, cfg *config.Config) (*telemetry.Store, error) {
	if !cfg.Modules().Telemetry {
		dir = ""
	}
	return telemetry.Open(ctx, dir, telemetry.Options{MaxSize: int64(cfg.Telemetry().MaxSize)})
}

// openEngine opens the event queue, where the store's history ends.
func (d *Daemon) openEngine(ctx context.Context, cfg *config.Config) (*events.Engine, error) {
	o := events.Options{
		Dir: cfg.Daemon().StateDir, Handler: events.HandlerFunc(d.keepEvents),
		Settings: eventSettings(cfg), Logger: d.log,
	}
	stored, err := d.store().Events(ctx, telemetry.EventQuery{Newest: true, Limit: cfg.Events().History})
	if err != nil {
		d.log.Warn("the stored history of events cannot be read", "error", err)
	}
	for _, s := range stored {
		var c events.Composite
		if err := json.Unmarshal(s.Data, &c); err != nil {
			d.log.Warn("a stored event cannot be read", "number", s.Seq, "error", err)
			continue
		}
		o.Composites = append(o.Composites, c)
		o.After, o.AfterNumber = max(o.After, c.LastSeq), max(o.AfterNumber, c.Number)
	}
	return events.New(o)
}

// eventSettings are the engine's settings in the configuration.
func eventSettings(cfg *config.Config) events.Settings {
	s, e := events.DefaultSettings(), cfg.Events()
	s.Debounce, s.Cooldown, s.QueueLimit, s.History = e.Debounce, e.Cooldown, e.QueueLimit, e.History
	return s
}

// keepEvents is the end of every event's way: it is stored under its number,
// which makes a second delivery after a kill the same row. It is committed at
// once, for the spool forgets it when this returns.
func (d *Daemon) keepEvents(ctx context.Context, c events.Composite) error {
	misbehaveHandling(ctx)
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("cannot store an event: %w", err)
	}
	d.handing.RLock()
	defer d.handing.RUnlock()
	store := d.store()
	store.AddEvents(telemetry.Event{Seq: c.Number, Time: c.LastTime, Domain: string(c.Domain), Data: data})
	if err := store.Flush(ctx); err != nil {
		// The store has it in memory, says so in its trouble, and tries again.
		d.log.Debug("an event is not on disk yet", "number", c.Number, "error", err)
	}
	return nil
}

// closeState ends queue and store, within what the context allows.
func (d *Daemon) closeState(ctx context.Context) {
	d.engine.Close()
	if err := d.store().Close(ctx); err != nil {
		d.log.Warn("the store could not write everything", "error", err)
	}
}

// stateTime bounds opening and closing of the state: a migration of the
// largest store takes a fraction of it.
const stateTime = 10 * time.Second
