package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// A part is a piece of the daemon that follows the configuration. prepare
// readies what next needs and changes nothing that runs: it may refuse. Exactly
// one of commit, which cannot fail, and discard is called after it.
type part struct {
	name    string
	prepare func(old, next *config.Config) (change, error)
}

type change struct{ commit, discard func() }

// A reloader runs reloads one after the other, whoever asks for them.
type reloader struct {
	d     *Daemon
	parts []part

	mu         sync.Mutex // one attempt at a time
	started    *config.Config
	generation uint64
	nextID     int64

	state sync.Mutex // of what follows
	last  config.Receipt
	// rejected is the last attempt when it was rejected, or the start when it
	// had to go back to an older generation.
	rejected *config.Receipt

	crash func(step string) // a test's: the process may end here
}

// reload is the whole transaction: read everything once, decode, validate,
// compare, let every part prepare, and only then swap. A refusal at any step
// leaves the running configuration as it is, everywhere.
func (r *reloader) reload(origin string, uid *int) config.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	began := time.Now()
	rec := config.Receipt{Time: began, Origin: origin, UID: uid, Path: r.d.opts.ConfigPath, Before: r.d.vitals()}
	src := config.Read(rec.Path)
	r.step("read")
	next, problems := r.d.understand(src)
	rec.Digest, rec.Problems = problems.Digest, problems.Problems
	old := r.d.host.Config()
	var commits []change
	if next != nil {
		rec.Changes = config.Diff(old, next)
		var err error
		if commits, err = r.prepare(old, next); err != nil {
			rec.Problems = append(rec.Problems, config.Problem{Severity: config.Error, File: rec.Path, Message: err.Error()})
			next = nil
		}
	}
	r.step("prepared")
	switch {
	case next == nil:
		rec.Outcome, rec.Changes = config.Rejected, nil
	case len(rec.Changes) == 0:
		rec.Outcome = config.Unchanged
	default:
		rec.Outcome = config.Applied
		r.generation++
	}
	if next != nil {
		for _, c := range commits {
			c.commit()
		}
		r.d.host.SetConfig(next)
	}
	r.step("swapped")
	r.finish(&rec, src, began)
	return rec
}

func (r *reloader) step(name string) {
	if r.crash != nil {
		r.crash(name)
	}
}

// prepare asks every part; when one refuses, what the others readied is given
// up.
func (r *reloader) prepare(old, next *config.Config) ([]change, error) {
	var ready []change
	for _, p := range r.parts {
		c, err := p.prepare(old, next)
		if err != nil {
			for _, other := range ready {
				if other.discard != nil {
					other.discard()
				}
			}
			return nil, fmt.Errorf("%s refuses it: %w", p.name, err)
		}
		if c.commit != nil {
			ready = append(ready, c)
		}
	}
	return ready, nil
}

// finish fills in the receipt, stores it and tells.
func (r *reloader) finish(rec *config.Receipt, src *config.Sources, began time.Time) {
	r.nextID++
	rec.ID, rec.Generation = r.nextID, r.generation
	rec.Waiting = []config.Change{}
	for _, c := range config.Diff(r.started, r.d.host.Config()) {
		if c.Class == config.Restart {
			rec.Waiting = append(rec.Waiting, c)
		}
	}
	if rec.Changes == nil {
		rec.Changes = []config.Change{}
	}
	if rec.Problems == nil {
		rec.Problems = []config.Problem{}
	}
	rec.After = r.d.vitals()
	rec.DurationMS = float64(time.Since(began).Microseconds()) / 1000
	r.keep(*rec, src)
	r.step("kept")
	r.state.Lock()
	r.last = *rec
	if rec.Outcome == config.Rejected || rec.Outcome == config.Restored {
		copied := *rec
		r.rejected = &copied
	} else {
		r.rejected = nil
	}
	r.state.Unlock()
	r.tell(*rec)
}

// keep stores the receipt, with what was read, at once.
func (r *reloader) keep(rec config.Receipt, src *config.Sources) {
	data, err := json.Marshal(rec)
	if err != nil {
		r.d.log.Error("a receipt cannot be stored", "error", err)
		return
	}
	content, err := src.Archive()
	if err != nil {
		r.d.log.Error("a configuration cannot be stored", "error", err)
	}
	r.d.store().SaveGeneration(telemetry.Generation{
		ID: rec.ID, Time: rec.Time, Generation: rec.Generation, Origin: rec.Origin, Digest: rec.Digest,
		Outcome: string(rec.Outcome), Data: data, Content: content,
	})
}

// tell writes the outcome to the log.
func (r *reloader) tell(rec config.Receipt) {
	log := r.d.log.With("id", rec.ID, "origin", rec.Origin, "generation", rec.Generation, "took_ms", rec.DurationMS)
	switch rec.Outcome {
	case config.Rejected, config.Restored:
		for _, p := range rec.Problems {
			if p.Severity == config.Error {
				r.d.log.Error(p.Error())
			}
		}
		log.Error("configuration rejected; the one before holds on", "problems", len(rec.Problems))
	case config.Applied:
		for _, c := range rec.Changes {
			r.d.log.Info("configuration changed", "key", c.Key, "before", c.Before, "after", c.After, "class", string(c.Class))
		}
		log.Info("configuration applied")
	default:
		log.Info("configuration unchanged")
	}
}

// status is what health says about the configuration: the last receipt, and
// the rejected one that stands unmended.
func (r *reloader) status() (last config.Receipt, rejected *config.Receipt) {
	r.state.Lock()
	defer r.state.Unlock()
	return r.last, r.rejected
}

// understand decodes and validates, with the command line's last word.
func (d *Daemon) understand(src *config.Sources) (*config.Config, config.Report) {
	cfg, report := config.Parse(src, config.Options{Groups: config.SystemGroups("/")})
	if cfg == nil {
		return nil, report
	}
	for _, o := range d.opts.Overrides {
		var err error
		if cfg, err = cfg.With(o.Key, o.Value, o.Flag); err != nil {
			report.Problems = append(report.Problems, config.Problem{Severity: config.Error, Key: o.Key, Message: err.Error()})
			return nil, report
		}
	}
	return cfg, report
}

// vitals are how the daemon is now, for the receipt's before and after.
func (d *Daemon) vitals() *config.Vitals {
	if d.engine == nil {
		return nil
	}
	v := &config.Vitals{QueueWait: d.engine.Status().Pending}
	if f := d.host.Resources().Memory.Current; f.Known {
		mb := float64(f.Value) / metrics.MB
		v.MemoryMB = &mb
	}
	if p99 := d.host.Latency.Overall().P99; p99 != nil {
		ms := float64(*p99) / float64(time.Millisecond)
		v.RPCP99MS = &ms
	}
	if d.host.Capabilities != nil {
		v.Modules = capability.Count(d.host.Capabilities()).Active
	}
	return v
}

// errNoGeneration: nothing was ever started with from this state directory.
var errNoGeneration = errors.New("no earlier configuration is known to work")

// lastGood is the newest configuration that held, from the store.
func lastGood(ctx context.Context, store *telemetry.Store) (*config.Sources, error) {
	list, err := store.Generations(ctx, 0)
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		switch config.Outcome(list[i].Outcome) {
		case config.Applied, config.Unchanged:
		default:
			continue
		}
		g, ok, err := store.Generation(ctx, list[i].ID)
		if err != nil {
			return nil, err
		}
		if !ok || g.Content == nil {
			continue
		}
		return config.Unarchive(g.Content)
	}
	return nil, errNoGeneration
}
