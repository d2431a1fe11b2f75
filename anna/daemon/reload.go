package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// A part is a piece of the daemon that follows the configuration. prepare
// readies what next needs and changes nothing that runs: it may refuse. What it
// returns, nil where nothing is to be done, puts that into use and cannot fail;
// where another part refuses it is never called, so prepare holds nothing that
// would have to be given back.
type part struct {
	name    string
	prepare func(old, next *config.Config) (commit func(), err error)
}

// A reloader runs attempts to load a configuration one after the other, whoever
// asks for them.
type reloader struct {
	d     *Daemon
	ctx   context.Context // the daemon's
	parts []part
	dir   string // of the ledger

	turn  chan struct{} // held by the attempt under way
	ended atomic.Bool

	// What follows is that attempt's.
	started    *config.Config // of the start, the keys that need a restart
	wanted     *config.Config // the last one that was accepted, whole
	generation uint64
	ledger     *ledger

	state sync.Mutex // of what follows
	begun int64      // the number of the attempt under way, or of the last one
	last  config.Receipt
	// rejected is the last attempt when it was rejected, or the start when it
	// had to go back to an older generation.
	rejected *config.Receipt
	byOrigin map[string]config.Receipt
	print    string    // of what the last attempt read
	watched  time.Time // when the watch last began one
}

// crash is set by tests alone: the process may end at the step.
var crash func(step string)

func step(name string) {
	if crash != nil {
		crash(name)
	}
}

// errStopping refuses what comes when the daemon has begun to stop.
var errStopping = errors.New("the daemon is stopping")

// reload is the whole transaction: read everything once, decode, validate,
// compare, let every part prepare, keep the new configuration on disk, and only
// then swap. A refusal at any step leaves the running configuration as it is,
// everywhere.
func (r *reloader) reload(origin string, uid *int) (config.Receipt, error) {
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if r.ended.Load() {
		return config.Receipt{}, errStopping
	}
	r.settle()
	rec := config.Receipt{
		ID: r.begin(), Time: time.Now(), Origin: origin, UID: uid, Path: r.d.opts.ConfigPath,
		Generation: r.generation, Before: r.d.vitals(),
	}
	src := config.Read(rec.Path)
	step("read")
	next, report := r.d.understand(src)
	r.readAs(fingerprint(src, report.Problems))
	rec.Digest, rec.Problems, rec.Outcome = src.Digest(), report.Problems, config.Rejected
	var commits []func()
	if next != nil {
		commits = r.decide(&rec, src, next)
	}
	if rec.Outcome == config.Rejected {
		next, rec.Changes = nil, nil
	}
	if next != nil {
		for _, commit := range commits {
			commit()
			step("half swapped")
		}
		r.d.host.SetConfig(next.Holding(r.started))
		r.wanted, r.generation = next, rec.Generation
		step("swapped")
	}
	r.finish(&rec, src)
	return rec, nil
}

// decide prepares a valid configuration and keeps it; the receipt says what came
// of it.
func (r *reloader) decide(rec *config.Receipt, src *config.Sources, next *config.Config) []func() {
	changes := config.Diff(r.wanted, next)
	commits, err := r.prepare(r.d.host.Config(), next.Holding(r.started))
	if err != nil {
		rec.Problems = append(rec.Problems, config.Problem{Severity: config.Error, File: rec.Path, Message: err.Error()})
		return nil
	}
	step("prepared")
	if len(changes) == 0 {
		rec.Outcome = config.Unchanged
		return commits
	}
	rec.Outcome, rec.Changes, rec.Waiting = config.Applied, changes, next.Waiting(r.started)
	rec.Generation = r.generation + 1
	// What cannot be kept must not hold: the daemon could not go back to it.
	if err := r.record(*rec, src); err != nil {
		rec.Outcome, rec.Generation = config.Rejected, r.generation
		rec.Problems = append(rec.Problems, config.Problem{Severity: config.Error, Message: err.Error(), Hint: keepHint(err, r.dir)})
		return nil
	}
	step("kept")
	return commits
}

func keepHint(err error, dir string) string {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return "free space for it, a few kB will do: df -h " + dir
	}
	return "make the directory writable for the daemon: findmnt -T " + dir + "; ls -ld " + dir
}

// prepare asks every part; the first that refuses ends it.
func (r *reloader) prepare(old, next *config.Config) ([]func(), error) {
	var commits []func()
	for _, p := range r.parts {
		commit, err := p.prepare(old, next)
		if err != nil {
			return nil, fmt.Errorf("%s refuses it: %w", p.name, err)
		}
		if commit != nil {
			commits = append(commits, commit)
		}
	}
	return commits, nil
}

// settleWait bounds how long an attempt waits for the receipt before it to be
// in the store. The ledger holds the last one alone.
const settleWait = 500 * time.Millisecond

func (r *reloader) settle() {
	ctx, cancel := context.WithTimeout(r.ctx, settleWait)
	defer cancel()
	if err := r.d.store().Flush(ctx); err != nil { // which the store's trouble tells
		r.d.log.Debug("a receipt is not in the store yet", "error", err)
	}
}

// begin gives an attempt its number.
func (r *reloader) begin() int64 {
	r.state.Lock()
	defer r.state.Unlock()
	r.begun++
	return r.begun
}

// readAs notes what an attempt read, before anything follows from it: a watch
// that it starts must not take its own files for news.
func (r *reloader) readAs(print string) {
	r.state.Lock()
	defer r.state.Unlock()
	r.print = print
}

// record writes the ledger with the attempt as its last.
func (r *reloader) record(rec config.Receipt, src *config.Sources) error {
	content, err := src.Archive()
	if err != nil {
		return err
	}
	l := r.ledger.with(&entry{rec, content})
	if err := l.write(r.dir, step); err != nil {
		return err
	}
	r.ledger = l
	return nil
}

// finish fills in the receipt, stores it and tells.
func (r *reloader) finish(rec *config.Receipt, src *config.Sources) {
	rec.Waiting = r.wanted.Waiting(r.started)
	if rec.Changes == nil {
		rec.Changes = []config.Change{}
	}
	if rec.Problems == nil {
		rec.Problems = []config.Problem{}
	}
	rec.After = r.d.vitals()
	rec.DurationMS = float64(time.Since(rec.Time).Microseconds()) / 1000
	if last := r.ledger.last(); last == nil || last.Receipt.ID != rec.ID {
		if err := r.record(*rec, src); err != nil {
			r.d.log.Warn("the last attempt is not on disk", "error", err)
		}
	}
	r.store(*rec, src)
	step("stored")
	r.state.Lock()
	r.last, r.byOrigin[rec.Origin] = *rec, *rec
	r.rejected = nil
	if rec.Outcome == config.Rejected || rec.Outcome == config.Restored {
		copied := *rec
		r.rejected = &copied
	}
	r.state.Unlock()
	r.tell(*rec)
}

// store hands the receipt to the store, with what was read.
func (r *reloader) store(rec config.Receipt, src *config.Sources) {
	content, err := src.Archive()
	if err != nil {
		r.d.log.Error("a configuration cannot be stored", "error", err)
	}
	r.storeEntry(&entry{rec, content})
}

// storeMost bounds the texts that the store is given with one receipt, in
// bytes: it holds a few MB until they are written, and the ledger has the last.
const storeMost = 1 << 20

func (r *reloader) storeEntry(e *entry) {
	content := e.Content
	if len(content) > storeMost {
		content = nil
	}
	data, err := json.Marshal(e.Receipt)
	if err != nil {
		r.d.log.Error("a receipt cannot be stored", "error", err)
		return
	}
	rec := &e.Receipt
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

// close refuses attempts from now on, and waits for the one under way.
func (r *reloader) close(ctx context.Context) {
	r.ended.Store(true)
	select {
	case r.turn <- struct{}{}:
		<-r.turn
	case <-ctx.Done():
		r.d.log.Warn("stopping during a reload that does not end")
	}
}

// status is what health says about the configuration: the last receipt, and
// the rejected one that stands unmended.
func (r *reloader) status() (last config.Receipt, rejected *config.Receipt) {
	r.state.Lock()
	defer r.state.Unlock()
	return r.last, r.rejected
}

// lastOf is the last receipt of an origin, of any where that is "", and the
// number of the attempt that was begun last.
func (r *reloader) lastOf(origin string) (rec config.Receipt, begun int64) {
	r.state.Lock()
	defer r.state.Unlock()
	if origin == "" {
		return r.last, r.begun
	}
	return r.byOrigin[origin], r.begun
}

// understand decodes and validates, with the command line's last word.
func (d *Daemon) understand(src *config.Sources) (*config.Config, config.Report) {
	cfg, report := config.Parse(src, config.Options{Groups: config.SystemGroups("/"), CheckPolicies: d.checkPolicies, ForeignPolicy: policy.Foreign})
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
	state := d.host.Health.State()
	v := &config.Vitals{Level: state.Level.String(), Findings: len(state.Findings), QueueWait: d.engine.Status().Pending}
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
