package doctor

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveChecks(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	h.Look()
	s := h.Health.State()
	out := Checks{
		At: s.At, Level: s.Level, Version: h.Version.Version, PID: h.PID,
		UptimeSec: int64(time.Since(h.Started).Seconds()), Checks: make([]Check, 0, len(s.Checks)),
		Known: append([]health.Acknowledgement{}, s.Known...),
	}
	for _, c := range s.Checks {
		out.Checks = append(out.Checks, Check{Result: c, Figures: figures(h, c.ID)})
	}
	return out, nil
}

// figures are those that people ask about, beside the one that decides.
func figures(h *host.Host, id string) map[string]*float64 {
	switch id {
	case "rpc_latency":
		w := h.Latency.Overall()
		return map[string]*float64{"avg_ms": millis(w.Avg), "p95_ms": millis(w.P95), "p99_ms": millis(w.P99), "samples": number(w.Count)}
	case "memory":
		m := h.Resources().Memory
		return map[string]*float64{"current_mb": inMB(m.Current), "peak_mb": inMB(m.Peak), "limit_mb": inMB(m.Limit)}
	case "queue":
		q := h.Queue()
		return map[string]*float64{"pending": number(q.Pending), "overdue": number(q.Overdue), "rate": &q.Rate1, "oldest_sec": &q.OldestSec}
	case "capabilities":
		reports := h.Capabilities()
		n, failures := capability.Count(reports), 0
		for _, r := range reports {
			failures += r.Failures
		}
		return map[string]*float64{"active": number(n.Active), "degraded": number(n.Degraded), "failed": number(n.Failed), "failures_last_hour": number(failures)}
	}
	return nil
}

func number[T int | uint64](n T) *float64 {
	f := float64(n)
	return &f
}

func millis(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

func inMB(f metrics.Figure[uint64]) *float64 {
	v, ok := f.Get()
	if !ok {
		return nil
	}
	mb := float64(v*100/metrics.MB) / 100
	return &mb
}

// Bounds of an acknowledgement.
const (
	maxAck  = 365 * 24 * time.Hour
	maxNote = 500
)

func serveAck(h *host.Host, r *rpc.Request) (any, error) {
	var p AckParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if p.ForSec < 0 || p.ForSec > int64(maxAck/time.Second) || len(p.Note) > maxNote {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot acknowledge %s: at most 365 days and a note of %d bytes", p.ID, maxNote)
	}
	if _, ok := health.Find(p.ID); !ok {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot acknowledge %s: there is no such check", p.ID)
	}
	var level health.Level
	found := false
	for _, f := range h.Health.State().Findings {
		if f.ID == p.ID {
			level, found = f.Level, true
		}
	}
	if !found && p.ForSec > 0 {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot acknowledge %s: there is no such finding now", p.ID).WithHint("See what there is: anna doctor")
	}
	until := time.Now().Add(time.Duration(p.ForSec) * time.Second).UTC()
	if err := h.Acknowledge(p.ID, health.Ack{Until: until, Level: level, Who: r.Peer.Name(), Note: p.Note}); err != nil {
		return nil, err
	}
	out := Acked{ID: p.ID, Level: level}
	if p.ForSec > 0 {
		out.Until = &until
	}
	return out, nil
}
