package daemon

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// parts are what follows the configuration, in the order in which a change
// reaches them. What is not here reads host.Config each time it needs it.
func (d *Daemon) parts() []part {
	return []part{
		{"log", func(old, next *config.Config) (func(), error) {
			if d.opts.Level == nil || old.Daemon().LogLevel == next.Daemon().LogLevel {
				return nil, nil
			}
			return func() { d.opts.Level.Set(next.Daemon().LogLevel) }, nil
		}},
		{"latency", func(old, next *config.Config) (func(), error) {
			if old.Health().RPCWindow == next.Health().RPCWindow {
				return nil, nil
			}
			return func() { d.host.Latency.SetWindow(next.Health().RPCWindow) }, nil
		}},
		{"health", func(old, next *config.Config) (func(), error) {
			if old.Health().Interval == next.Health().Interval {
				return nil, nil
			}
			return func() {
				if err := d.tick.every(next.Health().Interval); err != nil {
					d.log.Error("the daemon looks at itself as often as before", "error", err)
				}
			}, nil
		}},
		{"events", d.prepareQueue},
		{"telemetry", d.prepareStore},
		{"modules", d.mods.prepare},
		{"policies", d.advisor.prepare},
		{"watch", d.prepareWatch},
	}
}

func (d *Daemon) prepareQueue(old, next *config.Config) (func(), error) {
	settings := eventSettings(next)
	if settings == eventSettings(old) {
		return nil, nil
	}
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	return func() {
		if err := d.engine.SetSettings(settings); err != nil { // it was valid a moment ago
			d.log.Error("the queue keeps its settings", "error", err)
		}
	}, nil
}

// prepareStore switches the store to the disk or off it; another bound of its
// size it takes as it runs. What is on disk stays there; the last five minutes,
// second by second, begin anew.
func (d *Daemon) prepareStore(old, next *config.Config) (func(), error) {
	size := int64(next.Telemetry().MaxSize)
	if old.Modules().Telemetry == next.Modules().Telemetry {
		if old.Telemetry().MaxSize == next.Telemetry().MaxSize {
			return nil, nil
		}
		return func() { d.store().SetMaxSize(size) }, nil
	}
	return func() {
		d.handing.Lock() // no event is handed over meanwhile
		defer d.handing.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), stateTime)
		defer cancel()
		// The directory has one holder at a time: first out, then in.
		if err := d.store().Close(ctx); err != nil {
			d.log.Warn("the store could not write everything", "error", err)
		}
		s, err := openStore(ctx, d.reloads.dir, next)
		if err != nil { // of the options alone, which the table has checked
			d.log.Error("the store cannot be opened", "error", err)
			s, _ = telemetry.Open(ctx, "", telemetry.Options{})
		}
		d.host.SetStore(s)
	}, nil
}

// prepareWatch starts or stops the watch on the configuration's own files.
func (d *Daemon) prepareWatch(_, next *config.Config) (func(), error) {
	if d.watch.fits(next) {
		return nil, nil
	}
	var fresh *watch
	if next.Reload().Watch {
		var err error
		if fresh, err = newWatch(d, next); err != nil {
			return nil, err
		}
	}
	return func() {
		if d.watch != nil {
			d.watch.stop()
		}
		if d.watch = fresh; fresh != nil {
			fresh.start()
		}
	}, nil
}
