package health

import (
	"math"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// historySeries are the daemon's own series, of which it remembers the last 300
// readings: five minutes of one a second.
var historySeries = []string{
	"annad_memory_bytes", "annad_memory_peak_bytes", "annad_working_set_bytes", "annad_resident_bytes", "annad_cpu_seconds",
	"annad_threads", "annad_descriptors", "annad_voluntary_switches",
	"annad_rpc_avg_seconds", "annad_rpc_p95_seconds", "annad_rpc_p99_seconds",
	"queue_depth", "queue_oldest_seconds", "events_per_second",
}

// HistoryParams are the parameters of get_health_history.
type HistoryParams struct {
	Series []string `json:"series,omitempty"` // none: all there are
	rpc.Watching
}

// History is what the daemon's own figures were. A series that was never
// measured is empty.
type History struct {
	At     time.Time            `json:"at"`
	Series map[string][]Reading `json:"series"`
}

// A Reading is a time, in seconds since the epoch, and the value then.
type Reading [2]float64

func serveHistory(h *host.Host, r *rpc.Request) (any, error) {
	var p HistoryParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if len(p.Series) > len(historySeries) {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot tell the history of %d series: there are %d", len(p.Series), len(historySeries))
	}
	names := p.Series
	if len(names) == 0 {
		names = historySeries
	}
	out := History{At: time.Now(), Series: map[string][]Reading{}}
	for _, name := range names {
		if !slices.Contains(historySeries, name) {
			return nil, rpc.Errorf(rpc.InvalidParams, "cannot tell the history of %q: there are %v", name, historySeries)
		}
		list := []Reading{}
		for _, one := range h.Store().Recent(name) {
			list = append(list, Reading{round(float64(one.Time.UnixMilli())/1000, 3), round(one.Value, 6)})
		}
		out.Series[name] = list
	}
	return out, nil
}

// time is when the reading was taken.
func (r Reading) time() time.Time { return time.UnixMilli(int64(math.Round(r[0] * 1000))) }
