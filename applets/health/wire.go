package health

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Params are the parameters of get_health_metrics.
type Params struct{ rpc.Watching }

// Item is one item of follow_findings. The first has State, all that is wrong
// at that moment; each that follows has Change.
type Item struct {
	State  *Standing      `json:"state,omitempty"`
	Change *health.Change `json:"change,omitempty"`
}

// Standing is what is wrong at a moment.
type Standing struct {
	At       time.Time        `json:"at"`
	Level    health.Level     `json:"level"`
	Findings []health.Finding `json:"findings"`
}

// Metrics are the daemon's own figures. A figure that could not be had is null,
// and Unknown says why, under the figure's path ("memory_mb.limit").
type Metrics struct {
	Level        health.Level      `json:"level"`
	RPCLatency   Latency           `json:"rpc_latency_ms"`
	Memory       Memory            `json:"memory_mb"`
	Queue        Queue             `json:"queue"`
	UptimeSec    int64             `json:"uptime_sec"`
	Capabilities capability.Counts `json:"capabilities"`

	Version    string            `json:"version"`
	PID        int               `json:"pid"`
	Host       string            `json:"host"`
	At         time.Time         `json:"at"`
	Standalone bool              `json:"standalone"`
	Findings   []health.Finding  `json:"findings"`
	Thresholds Thresholds        `json:"thresholds"`
	Requests   Requests          `json:"requests"`
	RPCMethods []Method          `json:"rpc_methods"`
	Process    Process           `json:"process"`
	Unknown    map[string]string `json:"unknown"`
}

// Latency is a window of requests, milliseconds from read to written. With no
// request in it, the figures are null.
type Latency struct {
	Avg     *float64 `json:"avg"`
	P50     *float64 `json:"p50"`
	P95     *float64 `json:"p95"`
	P99     *float64 `json:"p99"`
	Max     *float64 `json:"max"`
	Samples int      `json:"samples"` // in the window
	Window  int      `json:"window"`  // what it can hold
}

// Memory is what counts as the daemon's memory, in units of 2^20 bytes.
type Memory struct {
	Current *float64 `json:"current"`
	Peak    *float64 `json:"peak"`
	Limit   *float64 `json:"limit"`
	// WorkingSet is what the thresholds are about: Current without Reclaimable,
	// the file pages that the kernel takes back when the limit is met.
	WorkingSet  *float64 `json:"working_set"`
	Reclaimable *float64 `json:"reclaimable"`
	Source      string   `json:"source"`
}

// judged is the figure that the thresholds are about; an older daemon gives
// only the one.
func (m Memory) judged() *float64 {
	if m.WorkingSet != nil {
		return m.WorkingSet
	}
	return m.Current
}

// Queue is how the events wait.
type Queue struct {
	Depth     uint64  `json:"depth"`
	Rate      float64 `json:"rate"` // events a second, over a minute
	OldestSec float64 `json:"oldest_sec"`
	// Overdue is the part of Depth that waits for nothing but the handler; the
	// rest is deferred, as it should be. It is what the thresholds are about.
	Overdue    uint64            `json:"overdue"`
	Accounting events.Accounting `json:"accounting"`
}

// Thresholds are the limits that the figures are held against. A percentage of
// a limit that is not known is null.
type Thresholds struct {
	P99WarnMS    float64  `json:"rpc_p99_warn_ms"`
	P99CritMS    float64  `json:"rpc_p99_crit_ms"`
	MemoryWarnMB *float64 `json:"memory_warn_mb"`
	MemoryCritMB *float64 `json:"memory_crit_mb"`
	QueueWarn    int      `json:"queue_warn"`
	QueueCrit    int      `json:"queue_crit"`
}

// Requests counts since the start. Life is the latency over that time.
type Requests struct {
	Total  uint64   `json:"total"`
	Failed uint64   `json:"failed"`
	Self   uint64   `json:"self"` // the daemon's own and dashboards': in no window
	LifeMS Lifetime `json:"lifetime_ms"`
}

// Lifetime sums up every quick request since the start, to two digits.
type Lifetime struct {
	Count int64    `json:"count"`
	P50   *float64 `json:"p50"`
	P95   *float64 `json:"p95"`
	P99   *float64 `json:"p99"`
	Max   *float64 `json:"max"`
}

// Method is one method's share.
type Method struct {
	Name      string  `json:"name"`
	Requests  uint64  `json:"requests"`
	Failed    uint64  `json:"failed"`
	LatencyMS Latency `json:"latency_ms"`
}

// Process is what the daemon's process uses.
type Process struct {
	ResidentMB     *float64 `json:"resident_mb"`
	ResidentPeakMB *float64 `json:"resident_peak_mb"`
	VirtualMB      *float64 `json:"virtual_mb"`
	CPUSec         *float64 `json:"cpu_sec"`
	Threads        *uint64  `json:"threads"`
	Descriptors    *uint64  `json:"descriptors"`
	DescriptorsMax *uint64  `json:"descriptors_max"`
}
