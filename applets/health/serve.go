package health

import (
	"fmt"
	"math"
	"os"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveMetrics(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if p.Observer {
		r.Uncount()
	}
	return measure(h), nil
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
		Findings:   []health.Verdict{},
	}
	for _, l := range latency.Methods {
		m.RPCMethods = append(m.RPCMethods, Method{Name: l.Name, Requests: l.Requests, Failed: l.Errors, LatencyMS: window(l.Window)})
	}
	u := unknowns{}
	m.Memory = Memory{
		Current: u.mb("memory_mb.current", memory.Current),
		Peak:    u.mb("memory_mb.peak", memory.Peak),
		Limit:   u.mb("memory_mb.limit", memory.Limit),
		Source:  memory.Source,
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
	queue := h.Events.Status()
	m.Queue = Queue{
		Depth: queue.Pending, Rate: round(queue.Rate1, 3), OldestSec: round(queue.OldestSec, 3),
		Overdue: queue.Overdue, Accounting: queue.Accounting,
	}
	m.Capabilities = capability.Count(h.Capabilities())
	m.Unknown = u
	judge(m, memory, latency.Quick, h.Config().Health(), u)
	for _, t := range h.Store().Trouble() {
		m.add(health.Verdict{ID: "store_" + string(t.Kind), Level: health.Warning, Title: "History is in trouble", Detail: t.What + ": " + t.Why, Fix: t.Fix})
	}
	if s := queue.Spool; s.State == events.SpoolMemory || s.State == events.SpoolForeign {
		m.add(health.Verdict{
			ID: "spool", Level: health.Warning, Title: "Events would not survive a crash", Detail: s.Reason,
			Fix: "Look at the state directory: sudo ls -la " + h.Config().Daemon().StateDir,
		})
	}
	if last, rejected := h.ReloadStatus(); rejected != nil {
		m.add(health.Verdict{
			ID: "config_rejected", Level: health.Warning, Title: "The configuration on disk is invalid",
			Detail: fmt.Sprintf("generation %d holds on; %s", rejected.Generation, firstProblem(rejected.Problems)),
			Fix:    "See every problem: annactl config validate " + rejected.Path + "; then: sudo annactl reload",
		})
	} else if n := len(last.Waiting); n > 0 {
		m.add(health.Verdict{
			ID: "config_waiting", Level: health.OK, Title: "A changed key waits for a restart",
			Detail: fmt.Sprintf("%d of them, %s first", n, last.Waiting[0].Key), Fix: "sudo systemctl restart annad",
		})
	}
	if queue.Dropped > 0 {
		m.add(health.Verdict{
			ID: "events_dropped", Level: health.Warning, Title: "Events were dropped",
			Detail: fmt.Sprintf("%d since the beginning: the queue was full", queue.Dropped),
			Fix:    "Raise [events] queue_limit, or see what floods it: annactl events --since 1h",
		})
	}
	return m
}

// judge holds the figures against the thresholds.
func judge(m *Metrics, memory metrics.Memory, quick metrics.WindowStats, cfg config.Health, u unknowns) {
	bound, bounded := memory.Limit.Get()
	limit := func(path string, l config.Limit) (uint64, *float64) {
		size, known := l.Of(config.Size(bound), bounded)
		if !known {
			u[path] = l.String() + " of a limit that is not known"
			return 0, nil
		}
		mb := round(float64(size)/metrics.MB, 2)
		return uint64(size), &mb
	}
	t := health.Thresholds{P99Warn: cfg.RPCP99Warn, P99Crit: cfg.RPCP99Crit, QueueWarn: cfg.QueueWarn, QueueCrit: cfg.QueueCrit}
	m.Thresholds = Thresholds{
		P99WarnMS: float64(t.P99Warn) / 1e6, P99CritMS: float64(t.P99Crit) / 1e6,
		QueueWarn: t.QueueWarn, QueueCrit: t.QueueCrit,
	}
	t.MemoryWarn, m.Thresholds.MemoryWarnMB = limit("thresholds.memory_warn_mb", cfg.MemoryWarn)
	t.MemoryCrit, m.Thresholds.MemoryCritMB = limit("thresholds.memory_crit_mb", cfg.MemoryCrit)
	overdue := int(m.Queue.Overdue)
	s := health.Snapshot{P99: quick.P99, P99Samples: quick.Count, Memory: memory.Current.Ptr(), QueueDepth: &overdue}
	if m.Standalone {
		// A private daemon shares its process with the client, and what that
		// uses is no trouble of a daemon's.
		s.Memory = nil
	}
	for _, v := range health.Assess(s, t) {
		m.add(v)
	}
}

func firstProblem(problems []config.Problem) string {
	for _, p := range problems {
		if p.Severity == config.Error {
			return p.Error()
		}
	}
	return "the log says why"
}

// add takes a finding in, and its level.
func (m *Metrics) add(v health.Verdict) {
	m.Findings = append(m.Findings, v)
	m.Level = health.Worst(m.Level, v.Level)
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
