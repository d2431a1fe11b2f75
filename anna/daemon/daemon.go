package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// stopTime is how long requests in flight may take when the daemon stops.
const stopTime = 3 * time.Second

// Options say how a daemon is started.
type Options struct {
	Table      applet.Table // whose methods it answers
	ConfigPath string       // of config.toml; a relative one is of the working directory
	// Overrides are keys that the command line sets over the file, with the
	// flag that did.
	Overrides []Override
	Log       *slog.Logger   // not nil
	Level     *slog.LevelVar // of Log, set to [daemon] log_level; nil: it stays as it is
	// Private daemons run inside a client: no inherited socket, no systemd.
	Private bool
	Limits  rpc.Limits // zero fields: the published ones
}

// An Override is a flag that sets a key.
type Override struct{ Key, Value, Flag string }

// A Daemon is a running daemon.
type Daemon struct {
	Socket string // the path that it answers on

	opts    Options
	log     *slog.Logger
	host    *host.Host
	engine  *events.Engine
	mods    *modules
	reloads *reloader
	watch   *watch
	handing sync.RWMutex // held while the store is exchanged
	socket  *listening
	view    view
	server  *rpc.Server
	served  chan error
	words   *words
	keeper  *keeper
	advisor *advisor
	loader  *policy.Loader
	tick    *beat
	rhythm  rhythm
	faults  *metrics.Window // of the last requests, which failed by our fault
	quit    context.CancelFunc
	tasks   sync.WaitGroup
}

// Start reads the configuration, takes the socket, opens queue and store, and
// answers. When it returns without an error, clients can call.
func Start(ctx context.Context, opts Options) (*Daemon, error) {
	// Receipts name the file to people who are elsewhere.
	path, err := filepath.Abs(opts.ConfigPath)
	if err != nil {
		return nil, fmt.Errorf("cannot find the configuration %s: %w", opts.ConfigPath, err)
	}
	opts.ConfigPath = path
	d := &Daemon{opts: opts, log: opts.Log, served: make(chan error, 1), faults: metrics.NewWindow(metrics.DefaultWindow), loader: new(policy.Loader)}
	first, err := d.firstConfig()
	if err != nil {
		return nil, err
	}
	cfg := first.config
	if opts.Level != nil {
		opts.Level.Set(cfg.Daemon().LogLevel)
	}
	// The socket first: it tells whether another daemon runs, whose state must
	// be left alone.
	d.view = newView()
	if d.socket, err = d.openSocket(cfg); err != nil {
		return nil, err
	}
	d.Socket = d.socket.path
	d.host = host.New(d.log, cfg, opts.Table.MethodNames())
	d.host.Private, d.host.Socket = opts.Private, d.Socket
	if d.tick, err = newBeat(cfg.Health().Interval); err != nil {
		d.socket.free()
		return nil, err
	}
	if err := d.openState(ctx, cfg); err != nil {
		d.tick.stop()
		d.socket.free()
		return nil, err
	}
	d.run(ctx, first)
	d.log.Info("ready", "version", d.host.Version.Version, "socket", d.Socket, "pid", d.host.PID, "inherited", d.socket.inherited)
	return d, nil
}

// run sets everything going, in the order in which one needs the other, and
// answers last. From here on nothing can keep the daemon from running.
func (d *Daemon) run(ctx context.Context, first first) {
	cfg := first.config
	ctx, d.quit = context.WithCancel(context.WithoutCancel(ctx))
	d.tasks.Go(func() { d.engine.Run(ctx) })
	d.rhythm.began = time.Now()
	d.mods = newModules(ctx, d.log, d.engine, d.store, cfg.Daemon().StateDir, d.view)
	d.mods.rhythm = d.rhythm
	d.mods.btrfsConfig = func() config.Btrfs { return d.host.Config().Btrfs() }
	d.host.Capabilities = d.mods.capabilities
	d.host.Scrubs = func() host.Scrubs {
		if w := d.mods.scrubs(); w != nil {
			return w
		}
		return nil
	}
	d.host.Reload = d.Reload
	d.advisor = newAdvisor(ctx, d) // before the first reload: it follows the configuration
	d.begin(ctx, first)
	d.host.ReloadStatus, d.host.LastReload = d.reloads.status, d.reloads.lastOf
	d.mods.settle()
	d.words = newWords(d)
	d.keeper = newKeeper(ctx, d) // it reads the words of the daemon before
	d.tasks.Go(func() { d.sample(ctx, d.tick) })
	go d.survey(ctx) // which nothing waits for: a dead file system must not hold up the end
	d.tasks.Go(func() { d.leaveWords(ctx) })
	d.words.write("running", "") // before the first client can find it dead
	d.serve()
}

// openState opens store and queue.
func (d *Daemon) openState(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	dir, err := stateDir(cfg)
	if err != nil {
		d.log.Warn("state is kept in memory only", "error", err)
	}
	store, err := openStore(ctx, dir, cfg)
	if err != nil {
		return err
	}
	for _, t := range store.Trouble() {
		d.log.Warn(t.What, "why", t.Why, "do", t.Fix)
	}
	d.host.SetStore(store)
	if d.engine, err = d.openEngine(ctx, cfg); err != nil {
		store.Close(ctx)
		return err
	}
	d.host.Events = d.engine
	return nil
}

func (d *Daemon) store() *telemetry.Store { return d.host.Store() }

// serve begins to answer.
func (d *Daemon) serve() {
	d.server = rpc.NewServer(d.log, os.Geteuid(), d.opts.Table.Serve(d.host)...)
	d.server.Limits = d.opts.Limits
	d.server.Live = func() (connections, perUID int, quick time.Duration) {
		misbehaveAnswering()
		cfg := d.host.Config().Daemon()
		return cfg.MaxConnections, cfg.MaxConnections / 4, cfg.RequestTimeout
	}
	d.server.Observe = d.observe
	d.server.CountSelf = d.opts.Private
	d.server.Gone = d.opts.Table.Gone()
	d.server.ControlGID = d.controlGID
	go func() { d.served <- d.server.Serve(d.socket.UnixListener) }()
}

// Reload loads the configuration anew and returns what became of it. Attempts
// run one after the other. The error is that of a daemon that stops.
func (d *Daemon) Reload(origin string, uid *int) (config.Receipt, error) {
	rec, err := d.reloads.reload(origin, uid)
	if err == nil {
		d.notify("STATUS=" + d.status())
	}
	return rec, err
}

// notify tells systemd, unless the daemon is a client's.
func (d *Daemon) notify(state string) {
	if !d.opts.Private {
		notify(state)
	}
}

// openSocket takes the socket that systemd passed, or makes one.
func (d *Daemon) openSocket(cfg *config.Config) (*listening, error) {
	if !d.opts.Private {
		l, sockets, err := inherit()
		if d.view.sockets = sockets; l != nil || err != nil {
			return l, err
		}
	}
	group := cfg.Daemon().SocketGroup
	if d.opts.Private {
		group = ""
	}
	return listen(cfg.Daemon().Socket, group, d.log)
}

// Served gets the reason when the daemon stops answering by itself.
func (d *Daemon) Served() <-chan error { return d.served }

// Stop ends the daemon: nothing new is accepted, requests in flight finish
// within a bound, what the queue holds is handled or stays in the spool, and
// the reason is left for clients to find.
func (d *Daemon) Stop(reason string) {
	d.log.Info("stopping", "reason", reason)
	d.words.write("stopping", reason)
	d.socket.UnixListener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	d.server.Stop(ctx)
	d.reloads.close(ctx)
	d.mods.stop()
	d.quit()
	d.tasks.Wait()
	ctx, cancel = context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	d.closeState(ctx)
	d.words.write("stopped", reason)
	d.socket.free() // last: until here another daemon would find the state taken
	d.log.Info("stopped", "reason", reason, "uptime", time.Since(d.host.Started).Round(time.Second))
}

// observe counts a request where its kind says.
func (d *Daemon) observe(o rpc.Observation) {
	if o.Canceled {
		return // who left before the answer measured nothing, and may only have watched
	}
	class := metrics.Quick
	switch {
	case o.Uncount:
		class = metrics.Self
	case o.Kind == rpc.Long:
		class = metrics.Long
	case o.Kind == rpc.Stream:
		class = metrics.Stream
	}
	name := o.Method
	if !o.Known {
		name = metrics.UnknownMethod
	}
	d.host.Latency.Record(name, class, o.Took, o.Failed)
	if class == metrics.Quick || class == metrics.Long {
		fault := o.Code == rpc.Internal || o.Code == rpc.Timeout || o.Code == rpc.Busy
		d.faults.Record(o.Took, fault)
	}
}

// controlGID is the group that may control besides root, as configured now.
func (d *Daemon) controlGID() (int, bool) {
	gid := groupID(d.host.Config().Access().ControlGroup)
	return gid, gid >= 0
}
