// Package host holds what the daemon half of an applet may touch: a *Host, and
// nothing else of the daemon.
//
// Everything in it may be used by several requests at once:
//
//	func serve(h *host.Host, r *rpc.Request) (any, error) {
//		return Answer{PID: h.PID, MemoryMB: inMB(h.Resources().Memory)}, nil
//	}
package host

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// A Host is the running daemon, as its applets see it.
type Host struct {
	Version version.Info
	PID     int
	Started time.Time
	// StartTicks is when the process began, in clock ticks since boot: with
	// the pid it names the process for good. 0: unknown.
	StartTicks uint64
	Log        *slog.Logger
	Latency    *metrics.Latency
	Socket     string // where clients reach it
	Events     *events.Engine
	// Queue is the queue's status; where the engine hangs, the last that is known.
	Queue func() events.Status
	// Capabilities reports what the modules can do now.
	Capabilities func() []capability.Report
	// Reload loads the configuration anew and waits for the outcome; uid is the
	// caller's. It fails only where the daemon stops. ReloadStatus is the last
	// outcome, and the rejected one that stands unmended; LastReload is the last
	// of one origin, with the number of the attempt that was begun last.
	Reload       func(origin string, uid *int) (config.Receipt, error)
	ReloadStatus func() (last config.Receipt, rejected *config.Receipt)
	LastReload   func(origin string) (rec config.Receipt, begun int64)
	// Health holds the daemon's findings, for who asks and who follows.
	// Acknowledge says that one is known until a time.
	Health      *health.Board
	Acknowledge func(id string, a health.Ack) error
	// Look has the daemon judge itself anew, where something that it knows of
	// changed since it last did.
	Look func()
	// Facts are what is known of the machine, Advice what the rules make of it;
	// both wait until the machine was looked at once. Snooze says that advice is
	// known until a time. TryRules judges rules that are not in force.
	Facts    func(context.Context) (facts.Tree, error)
	Advice   func(context.Context) (policy.Standing, *policy.Set, error)
	Snooze   func(id string, a health.Ack) error
	TryRules func(ctx context.Context, files []config.File, back time.Duration) (policy.Trial, error)
	// Scrubs are what the daemon knows of the scrubs of Btrfs file systems; nil
	// while that is switched off.
	Scrubs func() Scrubs
	// Private says that the daemon runs inside a client, for one command.
	Private bool

	process *metrics.Process
	cgroup  *metrics.Cgroup
	config  atomic.Pointer[config.Config]
	store   atomic.Pointer[telemetry.Store]

	mu   sync.Mutex
	last Resources
}

// Scrubs knows the scrubs of Btrfs file systems.
type Scrubs interface {
	// State is what is known of one file system; false for one that was not
	// seen yet.
	State(id btrfs.UUID) (scrub.State, bool)
	// Record takes in what a caller with the right to tells about a scrub.
	Record(ctx context.Context, id btrfs.UUID, r scrub.Run)
}

// New makes the host of this process. methods are those whose latency is
// measured.
func New(log *slog.Logger, cfg *config.Config, methods []string) *Host {
	h := &Host{
		Version: version.Get(), PID: os.Getpid(), Started: time.Now(), Log: log,
		Latency: metrics.NewLatency(cfg.Health().RPCWindow, methods),
		Health:  health.NewBoard(),
		process: metrics.NewSelf(),
		cgroup:  metrics.NewOwnCgroup(),
	}
	if p := h.process.Sample(); p.StartTicks.Known {
		h.StartTicks = p.StartTicks.Value
	}
	h.config.Store(cfg)
	return h
}

// Config is the configuration that holds now.
func (h *Host) Config() *config.Config { return h.config.Load() }

// SetConfig is for the daemon: a reload calls it.
func (h *Host) SetConfig(cfg *config.Config) { h.config.Store(cfg) }

// Store is the daemon's memory.
func (h *Host) Store() *telemetry.Store { return h.store.Load() }

// SetStore is for the daemon: a reload can exchange the store.
func (h *Host) SetStore(s *telemetry.Store) { h.store.Store(s) }

// resourcesAge is how old a measurement may be that is given out again: many
// questions at once must not cost many walks through /proc.
const resourcesAge = 100 * time.Millisecond

// Resources is what the daemon uses: its process, its cgroup, and which memory
// figures count.
type Resources struct {
	At      time.Time
	Process metrics.ProcessSample
	Cgroup  metrics.CgroupSample
	Memory  metrics.Memory
}

// Resources measures what the daemon uses, or gives a measurement that is not
// older than a tenth of a second.
func (h *Host) Resources() Resources {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); now.Sub(h.last.At) > resourcesAge {
		h.last = Resources{At: now, Process: h.process.Sample(), Cgroup: h.cgroup.Sample()}
		h.last.Memory = metrics.MemoryOf(h.last.Process, h.last.Cgroup)
	}
	return h.last
}
