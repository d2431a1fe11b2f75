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
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
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
	socket *listening
	server *rpc.Server
	served chan error
	words  *words
	quit   context.CancelFunc
	tasks  sync.WaitGroup
}

// Start reads the configuration, takes the socket and answers. When it returns
// without an error, clients can call.
func Start(ctx context.Context, opts Options) (*Daemon, error) {
	cfg, err := configure(opts)
	if err != nil {
		return nil, err
	}
	d := &Daemon{opts: opts, log: opts.Log, served: make(chan error, 1)}
	if d.socket, err = d.openSocket(cfg); err != nil {
		return nil, err
	}
	d.Socket = d.socket.path
	d.host = host.New(d.log, cfg, opts.Table.MethodNames())
	d.host.Private, d.host.Socket = opts.Private, d.Socket
	d.server = rpc.NewServer(d.log, os.Geteuid(), opts.Table.Serve(d.host)...)
	d.server.Limits = opts.Limits
	d.server.Limits.Connections = cfg.Daemon().MaxConnections
	d.server.Limits.QuickTime = cfg.Daemon().RequestTimeout
	d.server.Observe = d.observe
	d.server.CountSelf = opts.Private
	d.server.ControlGID = d.controlGID
	ctx, d.quit = context.WithCancel(ctx)
	go func() { d.served <- d.server.Serve(d.socket.UnixListener) }()
	d.words = newWords(d)
	d.words.write("running", "")
	d.tasks.Go(func() { d.words.keep(ctx) })
	d.log.Info("ready", "version", d.host.Version.Version, "socket", d.Socket, "pid", d.host.PID, "inherited", d.socket.inherited)
	return d, nil
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
// within a bound, and the reason is left for clients to find.
func (d *Daemon) Stop(reason string) {
	d.log.Info("stopping", "reason", reason)
	d.words.write("stopping", reason)
	d.socket.close()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	d.server.Stop(ctx)
	d.quit()
	d.tasks.Wait()
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
