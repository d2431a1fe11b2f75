package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
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

// errNoGeneration: nothing was ever started with from this state directory.
var errNoGeneration = errors.New("no earlier configuration is known to work")

// firstConfig reads the configuration. One that is broken on disk must not keep
// a daemon down that ran before: under a socket unit a daemon that ends at once
// takes the socket with it. So the last good one is started with, degraded and
// loud; without one, every problem is the error.
func (d *Daemon) firstConfig() (first, error) {
	f := first{src: config.Read(d.opts.ConfigPath)}
	f.config, f.report = d.understand(f.src)
	for _, p := range f.report.Warnings() {
		d.log.Warn(p.Error(), "hint", p.Hint)
	}
	if f.config != nil {
		return f, nil
	}
	invalid := f.report.Err()
	cfg, err := d.lastGoodConfig()
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
func (d *Daemon) lastGoodConfig() (*config.Config, error) {
	cfg := config.Peek(d.opts.ConfigPath)
	for _, o := range d.opts.Overrides {
		with, err := cfg.With(o.Key, o.Value, o.Flag)
		if err != nil {
			return nil, err
		}
		cfg = with
	}
	l, err := readLedger(cfg.Daemon().StateDir)
	if err != nil {
		return nil, err
	}
	src, err := l.good()
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
	r := &reloader{
		d: d, ctx: ctx, parts: d.parts(), dir: f.config.Daemon().StateDir, turn: make(chan struct{}, 1),
		started: config.Default().Holding(f.config), wanted: f.config, byOrigin: map[string]config.Receipt{},
	}
	d.reloads = r
	before := r.takeUp()
	rec := config.Receipt{
		ID: r.begin(), Time: time.Now(), Origin: "start", Path: d.opts.ConfigPath,
		Digest: f.src.Digest(), Problems: f.report.Problems, Outcome: config.Applied,
	}
	switch {
	case f.restored:
		rec.Outcome = config.Restored
	case before == nil:
		r.generation++
	default:
		if rec.Changes = config.Diff(before, f.config); len(rec.Changes) == 0 {
			rec.Outcome = config.Unchanged
		} else {
			r.generation++
		}
	}
	rec.Generation = r.generation
	r.readAs(fingerprint(f.src, f.report.Problems))
	// Every part has the configuration of the start but those that are started
	// by it.
	for _, prepare := range []func(_, _ *config.Config) (func(), error){d.mods.prepare, d.prepareWatch} {
		commit, err := prepare(f.config, f.config)
		if err != nil {
			d.log.Error("a part cannot start", "error", err)
			continue
		}
		if commit != nil {
			commit()
		}
	}
	r.finish(&rec, f.src)
}

// takeUp reads what earlier daemons left and returns the configuration that
// held last, nil where none is known. A receipt that a kill kept from the store
// is put there now.
func (r *reloader) takeUp() *config.Config {
	var err error
	if r.ledger, err = readLedger(r.dir); err != nil {
		r.d.log.Warn("the ledger of reloads begins anew", "error", err)
		r.ledger = &ledger{}
	}
	ctx, cancel := context.WithTimeout(r.ctx, stateTime)
	defer cancel()
	list, err := r.d.store().Generations(ctx, 1)
	if err != nil {
		r.d.log.Warn("the stored generations cannot be read", "error", err)
	}
	var stored telemetry.Generation
	if n := len(list); n > 0 {
		stored = list[n-1]
		r.begun, r.generation = stored.ID, stored.Generation
	}
	if last := r.ledger.last(); last != nil && last.Receipt.ID > stored.ID {
		r.begun, r.generation = last.Receipt.ID, last.Receipt.Generation
		r.storeEntry(last)
	}
	src, err := r.ledger.good()
	if err != nil {
		if !errors.Is(err, errNoGeneration) {
			r.d.log.Warn("the configuration that held last cannot be used", "error", err)
		}
		return nil
	}
	before, _ := r.d.understand(src)
	return before
}
