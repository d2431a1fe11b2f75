// Package host holds what the daemon half of an applet may touch: a *Host, and
// nothing else of the daemon.
//
// Everything in it may be used by several requests at once.
package host

import (
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
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
	// Private says that the daemon runs inside a client, for one command.
	Private bool

	process *metrics.Process
	cgroup  *metrics.Cgroup
	config  atomic.Pointer[config.Config]
}

// New makes the host of this process. methods are those whose latency is
// measured.
func New(log *slog.Logger, cfg *config.Config, methods []string) *Host {
	h := &Host{
		Version: version.Get(), PID: os.Getpid(), Started: time.Now(), Log: log,
		Latency: metrics.NewLatency(cfg.Health().RPCWindow, methods),
		process: metrics.NewSelf(),
		cgroup:  metrics.NewCgroup("/proc", "/", os.Getpid()),
	}
	if p := h.process.Sample(); p.StartTicks.Known {
		h.StartTicks = p.StartTicks.Value
	}
	h.config.Store(cfg)
	return h
}

// Config is the configuration that holds now.
func (h *Host) Config() *config.Config { return h.config.Load() }

// Resources measures the daemon: its process, its cgroup, and which memory
// figures count.
func (h *Host) Resources() (metrics.ProcessSample, metrics.CgroupSample, metrics.Memory) {
	p := h.process.Sample()
	c := h.cgroup.Sample()
	return p, c, metrics.MemoryOf(p, c)
}
