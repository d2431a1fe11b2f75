package daemon

import (
	"context"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// stopTime is how long requests in flight may take when the daemon stops.
const stopTime = 3 * time.Second

// Options say how a daemon is started.
type Options struct {
	Table      applet.Table
	ConfigPath string
	// Overrides are keys that the command line sets over the file, with the
	// flag that did.
	Overrides []Override
	Log       *slog.Logger
	Level     *slog.LevelVar // follows [daemon] log_level
	// Private daemons run inside a client: no inherited socket, no systemd.
	Private bool
	Limits  rpc.Limits // zero fields: the published ones
}

// An Override is a flag that sets a key.
type Override struct{ Key, Value, Flag string }

// A Daemon is a running daemon.
type Daemon struct {
	Socket string

	opts   Options
	log    *slog.Logger
	host   *host.Host
	store  *telemetry.Store
	engine *events.Engine
	mods   *modules
	socket *listening
	server *rpc.Server
	served chan error
	words  *words
	quit   context.CancelFunc
	tasks  sync.WaitGroup
}

// Start reads the configuration, takes the socket, opens queue and store, and
// answers. When it returns without an error, clients can call.
func Start(ctx context.Context, opts Options) (*Daemon, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	d := &Daemon{opts: opts, log: opts.Log, served: make(chan error, 1)}
	// The socket first: it tells whether another daemon runs, whose state must
	// be left alone.
	if d.socket, err = d.openSocket(cfg); err != nil {
		return nil, err
	}
	d.Socket = d.socket.path
	if err := d.openState(ctx, cfg); err != nil {
		d.socket.close()
		return nil, err
	}
	d.host = host.New(d.log, cfg, opts.Table.MethodNames())
	d.host.Private, d.host.Socket = opts.Private, d.Socket
	d.host.Events, d.host.Store = d.engine, d.store

	ctx, d.quit = context.WithCancel(context.WithoutCancel(ctx))
	d.tasks.Go(func() { d.engine.Run(ctx) })
	d.mods = newModules(ctx, d.log, d.engine, cfg.Daemon().StateDir)
	d.mods.apply(cfg)
	d.host.Capabilities = func() []capability.Report { return d.mods.capabilities(d.store) }
	d.tasks.Go(func() { d.sample(ctx) })

	d.mods.settle()
	d.words = newWords(d)
	d.words.write("running", "") // before the first client can find it dead
	d.serve(cfg)
	d.tasks.Go(func() { d.words.keep(ctx) })
	d.log.Info("ready", "version", d.host.Version.Version, "socket", d.Socket, "pid", d.host.PID, "inherited", d.socket.inherited)
	return d, nil
}

// openState opens store and queue.
func (d *Daemon) openState(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	if _, err := stateDir(cfg); err != nil {
		d.log.Warn("state is kept in memory only", "error", err)
	}
	var err error
	if d.store, err = openStore(ctx, cfg); err != nil {
		return err
	}
	for _, t := range d.store.Trouble() {
		d.log.Warn(t.What, "why", t.Why, "do", t.Fix)
	}
	if d.engine, err = d.openEngine(ctx, cfg); err != nil {
		d.store.Close(ctx)
		return err
	}
	return nil
}

// serve begins to answer.
func (d *Daemon) serve(cfg *config.Config) {
	d.server = rpc.NewServer(d.log, os.Geteuid(), d.opts.Table.Serve(d.host)...)
	d.server.Limits = d.opts.Limits
	d.server.Limits.Connections = cfg.Daemon().MaxConnections
	d.server.Limits.QuickTime = cfg.Daemon().RequestTimeout
	d.server.Observe = d.observe
	d.server.CountSelf = d.opts.Private
	d.server.ControlGID = d.controlGID
	go func() { d.served <- d.server.Serve(d.socket.UnixListener) }()
}

// configure reads the configuration; an invalid one is an error with every
// problem in it.
func configure(opts Options) (*config.Config, error) {
	cfg, report := config.Load(opts.ConfigPath)
	if err := report.Err(); err != nil {
		return nil, err
	}
	for _, p := range report.Warnings() {
		opts.Log.Warn(p.Error())
	}
	for _, o := range opts.Overrides {
		var err error
		if cfg, err = cfg.With(o.Key, o.Value, o.Flag); err != nil {
			return nil, err
		}
	}
	if opts.Level != nil {
		opts.Level.Set(cfg.Daemon().LogLevel)
	}
	return cfg, nil
}

func (d *Daemon) openSocket(cfg *config.Config) (*listening, error) {
	if !d.opts.Private {
		if l, err := inherit(); l != nil || err != nil {
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
	d.socket.close()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	d.server.Stop(ctx)
	d.mods.stop()
	d.quit()
	d.tasks.Wait()
	ctx, cancel = context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	d.closeState(ctx)
	d.words.write("stopped", reason)
	d.log.Info("stopped", "reason", reason, "uptime", time.Since(d.host.Started).Round(time.Second))
}

// observe counts a request where its kind says.
func (d *Daemon) observe(o rpc.Observation) {
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
}

// controlGID is the group that may control besides root, as configured now.
func (d *Daemon) controlGID() (int, bool) {
	name := d.host.Config().Access().ControlGroup
	if name == "" {
		return 0, false
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, false
	}
	gid, err := strconv.Atoi(g.Gid)
	return gid, err == nil
}
