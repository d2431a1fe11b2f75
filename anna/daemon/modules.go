package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// modules runs the listeners that the configuration switches on.
type modules struct {
	ctx    context.Context
	log    *slog.Logger
	engine *events.Engine
	state  *events.StateDir
	store  func() *telemetry.Store
	view   view

	mu      sync.Mutex
	enabled config.Modules
	running map[string]*running
	btrfs   *runningBtrfs // nil while it is switched off
	since   time.Time
	rhythm  rhythm // of what the modules look at from time to time
	// btrfsConfig is the section [btrfs] as it is now.
	btrfsConfig func() config.Btrfs
}

// A runningBtrfs is the module that measures instead of listening.
type runningBtrfs struct {
	*btrfsModule
	watch  *btrfsWatch
	stop   context.CancelFunc
	done   chan struct{}
	scrubs *scrubWatch
}

// A running listener.
type running struct {
	source   events.Source
	settings string
	stop     context.CancelFunc
	done     chan struct{}
}

func newModules(ctx context.Context, log *slog.Logger, engine *events.Engine, store func() *telemetry.Store, dir string, v view) *modules {
	return &modules{
		ctx: ctx, log: log, engine: engine, store: store, view: v, state: &events.StateDir{Path: dir},
		running: map[string]*running{}, since: time.Now(),
	}
}

// prepare opens what the next configuration needs and the running one has not;
// a source that cannot be opened refuses the configuration.
func (m *modules) prepare(_, next *config.Config) (func(), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := map[string]*running{}
	for _, l := range listeners {
		settings := l.settingsIn(next)
		if r := m.running[l.name]; !next.Modules().Enabled(l.name) || r != nil && r.settings == settings {
			continue
		}
		source, err := l.open(next, m.view)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", l.name, err)
		}
		fresh[l.name] = &running{source: source, settings: settings, done: make(chan struct{})}
	}
	if len(fresh) == 0 && m.enabled == next.Modules() {
		return nil, nil
	}
	return func() { m.swap(next.Modules(), fresh) }, nil
}

// swap stops the listeners that are switched off or replaced, and starts the
// fresh ones. Those that nothing changed for run on.
func (m *modules) swap(enabled config.Modules, fresh map[string]*running) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.enabled = enabled
	for name, r := range m.running {
		if fresh[name] == nil && enabled.Enabled(name) {
			continue
		}
		r.stop()
		m.await(name, r.done)
		delete(m.running, name)
	}
	m.switchBtrfs(enabled.Btrfs)
	for name, r := range fresh {
		ctx, stop := context.WithCancel(m.ctx)
		r.stop = stop
		m.running[name] = r
		runner := &events.Runner{Source: r.source, Sink: m.engine, State: m.state, Logger: m.log}
		go func() {
			defer close(r.done)
			runner.Run(ctx)
		}()
	}
}

// switchBtrfs starts or stops the module that looks at Btrfs.
func (m *modules) switchBtrfs(on bool) {
	switch {
	case on && m.btrfs == nil:
		ctx, stop := context.WithCancel(m.ctx)
		b := &runningBtrfs{btrfsModule: newBtrfsModule(m.view), watch: m.newBtrfsWatch(), stop: stop, done: make(chan struct{})}
		m.btrfs = b
		b.btrfsModule.rhythm = m.rhythm
		b.scrubs = newScrubWatch(m.log, m.store)
		b.scrubs.rhythm = m.rhythm
		go func() {
			defer close(b.done)
			var watching sync.WaitGroup
			defer watching.Wait()
			watching.Go(func() { b.watch.run(ctx) })
			watching.Go(func() { b.scrubs.run(ctx) })
			watching.Go(func() { b.followMounts(ctx) })
			b.run(ctx, func(at time.Time, points ...telemetry.Point) { m.store().Observe(at, points...) })
		}()
	case !on && m.btrfs != nil:
		m.btrfs.stop()
		m.await("btrfs", m.btrfs.done)
		m.btrfs = nil
	}
}

// endTime bounds the wait for a module's end: one that hangs in a dead file
// system must not hang the daemon.
const endTime = 2 * time.Second

// await waits for a module that was told to stop: its state is saved then, and
// the one after it goes on from there.
func (m *modules) await(name string, done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(endTime):
		m.log.Warn("a module does not end and is left behind", "module", name)
	}
}

// settleTime is how long a start waits for the listeners' first look.
const settleTime = 2 * time.Second

// settle waits until every listener has looked once, or settleTime is over:
// what happens after a daemon says that it is ready, it sees.
func (m *modules) settle() {
	deadline := time.Now().Add(settleTime)
	for !m.settled() && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
}

func (m *modules) settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.running {
		if r.source.Status().State == events.SourceStopped {
			return false
		}
	}
	return m.btrfs == nil || m.btrfs.looked() && m.btrfs.scrubs.looked.Load()
}

// stop ends every listener and waits for it.
func (m *modules) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.running {
		r.stop()
	}
	for name, r := range m.running {
		m.await(name, r.done)
	}
	clear(m.running)
	m.switchBtrfs(false)
}

// scrubs knows the scrubs of Btrfs file systems; nil while that is switched off.
func (m *modules) scrubs() *scrubWatch {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.btrfs == nil {
		return nil
	}
	return m.btrfs.scrubs
}
