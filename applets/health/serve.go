package health

import (
	"math"
	"os"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveMetrics(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	return measure(h), nil
}

// serveFollow sends what is wrong now, then every transition. A follower that is
// slower than 64 transitions misses those between.
func serveFollow(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&rpc.Watching{}); err != nil {
		return nil, err
	}
	_, last, _ := h.Health.Since(0)
	s := h.Health.State()
	if err := r.Send(Item{State: &Standing{At: s.At, Level: s.Level, Findings: s.Findings}}); err != nil {
		return nil, err
	}
	for {
		changes, newest, more := h.Health.Since(last)
		for _, c := range changes {
			if err := r.Send(Item{Change: &c}); err != nil {
				return nil, err
			}
		}
		last = newest
		if len(changes) > 0 {
			continue
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// measure takes the daemon's figures now.
func measure(h *host.Host) *Metrics {
	used := h.Resources()
	process, memory := used.Process, used.Memory
	latency := h.Latency.Snapshot()
	name, _ := os.Hostname()
	m := &Metrics{
		Version: h.Version.Version, PID: h.PID, Host: name, At: used.At, Standalone: h.Private,
		UptimeSec:  int64(time.Since(h.Started).Seconds()),
		RPCLatency: window(latency.Quick),
		Requests: Requests{
			Total: latency.Requests, Failed: latency.Errors, Self: latency.Self,
			LifeMS: Lifetime{
				Count: latency.Life.Count, P50: millis(latency.Life.P50), P95: millis(latency.Life.P95),
				P99: millis(latency.Life.P99), Max: millis(latency.Life.Max),
			},
		},
		RPCMethods: []Method{},
	}
	for _, l := range latency.Methods {
		m.RPCMethods = append(m.RPCMethods, Method{Name: l.Name, Requests: l.Requests, Failed: l.Errors, LatencyMS: window(l.Window)})
	}
	u := unknowns{}
	m.Memory = Memory{
		Current: u.mb("memory_mb.current", memory.Current),
		Peak:    u.mb("memory_mb.peak", memory.Peak),
		Limit:   u.mb("memory_mb.limit", memory.Limit),

		WorkingSet:  u.mb("memory_mb.working_set", memory.Working),
		Reclaimable: u.mb("memory_mb.reclaimable", memory.Reclaimable),
		Source:      memory.Source,
	}
	m.Process = Process{
		ResidentMB:     u.mb("process.resident_mb", process.Resident),
		ResidentPeakMB: u.mb("process.resident_peak_mb", process.ResidentPeak),
		VirtualMB:      u.mb("process.virtual_mb", process.Virtual),
		Threads:        figure(u, "process.threads", process.Threads),
		Descriptors:    figure(u, "process.descriptors", process.Descriptors),
		DescriptorsMax: figure(u, "process.descriptors_max", process.DescriptorLimit),
	}
	if cpu := figure(u, "process.cpu_sec", process.CPU); cpu != nil {
		sec := cpu.Seconds()
		m.Process.CPUSec = &sec
	}
	if m.RPCLatency.Samples == 0 {
		u["rpc_latency_ms"] = "no request has been answered yet"
	}
	queue := h.Queue()
	m.Queue = Queue{
		Depth: queue.Pending, Rate: round(queue.Rate1, 3), OldestSec: round(queue.OldestSec, 3),
		Overdue: queue.Overdue, Accounting: queue.Accounting,
	}
	m.Capabilities = capability.Count(h.Capabilities())
	m.Unknown = u
	m.Thresholds = limits(memory, h.Config().Health(), u)
	h.Look()
	state := h.Health.State()
	m.Level, m.Findings = state.Level, state.Findings
	return m
}

// limits are the thresholds that hold, in the figures' units.
func limits(memory metrics.Memory, cfg config.Health, u unknowns) Thresholds {
	bound, bounded := memory.Limit.Get()
	limit := func(path string, l config.Limit) *float64 {
		size, known := l.Of(config.Size(bound), bounded)
		if !known {
			u[path] = l.String() + " of a limit that is not known"
			return nil
		}
		mb := round(float64(size)/metrics.MB, 2)
		return &mb
	}
	return Thresholds{
		P99WarnMS: float64(cfg.RPCP99Warn) / 1e6, P99CritMS: float64(cfg.RPCP99Crit) / 1e6,
		MemoryWarnMB: limit("thresholds.memory_warn_mb", cfg.MemoryWarn),
		MemoryCritMB: limit("thresholds.memory_crit_mb", cfg.MemoryCrit),
		QueueWarn:    cfg.QueueWarn, QueueCrit: cfg.QueueCrit,
	}
}

func window(w metrics.WindowStats) Latency {
	return Latency{
		Avg: millis(w.Avg), P50: millis(w.P50), P95: millis(w.P95), P99: millis(w.P99), Max: millis(w.Max),
		Samples: w.Count, Window: w.Size,
	}
}

func millis(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	ms := round(float64(*d)/float64(time.Millisecond), 3)
	return &ms
}

func round(v float64, digits int) float64 {
	f := math.Pow10(digits)
	return math.Round(v*f) / f
}

// unknowns collects why figures are null, by their path.
type unknowns map[string]string

func (u unknowns) mb(path string, f metrics.Figure[uint64]) *float64 {
	v := figure(u, path, f)
	if v == nil {
		return nil
	}
	mb := round(float64(*v)/metrics.MB, 2)
	return &mb
}

func figure[T any](u unknowns, path string, f metrics.Figure[T]) *T {
	if v := f.Ptr(); v != nil {
		return v
	}
	u[path] = f.Why()
	return nil
}
