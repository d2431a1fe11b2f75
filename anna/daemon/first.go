package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// A first configuration is what the daemon starts with.
type first struct {
	config *config.Config
	src    *config.Sources // what is on disk
	report config.Report   // what is wrong with that
	// restored says that the file on disk is invalid and config is the last
	// one that held.
	restored bool
}

// firstConfig reads the configuration. One that is broken on disk must not keep
// a daemon down that ran before: under a socket unit a daemon that ends at once
// takes the socket with it. So the last good one is started with, degraded and
// loud; without one, every problem is the error.
func (d *Daemon) firstConfig(ctx context.Context) (first, error) {
	f := first{src: config.Read(d.opts.ConfigPath)}
	f.config, f.report = d.understand(f.src)
	for _, p := range f.report.Warnings() {
		d.log.Warn(p.Error(), "hint", p.Hint)
	}
	if f.config != nil {
		return f, nil
	}
	invalid := f.report.Err()
	cfg, err := d.lastGoodConfig(ctx)
	if err != nil {
		if !errors.Is(err, errNoGeneration) {
			d.log.Warn("an earlier configuration cannot be used", "error", err)
		}
		return f, invalid
	}
	f.config, f.restored = cfg, true
	d.log.Error("the configuration on disk is invalid: starting with the last one that held", "problem", invalid)
	return f, nil
}

// lastGoodConfig finds the last good configuration in the state directory, as
// far as the broken file and the command line tell where that is.
func (d *Daemon) lastGoodConfig(ctx context.Context) (*config.Config, error) {
	cfg := config.Peek(d.opts.ConfigPath)
	for _, o := range d.opts.Overrides {
		with, err := cfg.With(o.Key, o.Value, o.Flag)
		if err != nil {
			return nil, err
		}
		cfg = with
	}
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	store, err := openStore(ctx, cfg.Daemon().StateDir, cfg)
	if err != nil {
		return nil, err
	}
	defer store.Close(ctx)
	src, err := lastGood(ctx, store)
	if err != nil {
		return nil, err
	}
	good, report := d.understand(src)
	if good == nil {
		return nil, report.Err()
	}
	return good, nil
}

// begin starts what follows the configuration, and makes the receipt of the
// start: generations and their numbers go on where the last daemon ended.
func (d *Daemon) begin(ctx context.Context, f first) {
	began := time.Now()
	r := &reloader{d: d, started: f.config, parts: d.parts()}
	d.reloads = r
	rec := config.Receipt{
		Time: began, Origin: "start", Path: d.opts.ConfigPath,
		Digest: f.src.Digest(), Problems: f.report.Problems, Outcome: config.Applied,
	}
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	list, err := d.store().Generations(ctx, 1)
	if err != nil {
		d.log.Warn("the stored generations cannot be read", "error", err)
	}
	var before *config.Config
	if n := len(list); n > 0 {
		r.nextID, r.generation = list[n-1].ID, list[n-1].Generation
		if src, err := lastGood(ctx, d.store()); err == nil {
			before, _ = d.understand(src)
		}
	}
	switch {
	case f.restored:
		rec.Outcome = config.Restored
	case before != nil:
		if rec.Changes = config.Diff(before, f.config); len(rec.Changes) == 0 {
			rec.Outcome = config.Unchanged
			break
		}
		fallthrough
	default:
		r.generation++
	}
	// Every part has the configuration of the start but those that are started
	// by it.
	for _, prepare := range []func(_, _ *config.Config) (change, error){d.mods.prepare, d.prepareWatch} {
		c, err := prepare(f.config, f.config)
		if err != nil {
			d.log.Error("a part cannot start", "error", err)
			continue
		}
		if c.commit != nil {
			c.commit()
		}
	}
	r.finish(&rec, f.src, began)
}
