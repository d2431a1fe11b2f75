package old

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Status is the result of the old method status. Null is not known.
type Status struct {
	State         string   `json:"daemon_state"`
	Database      *string  `json:"db_path"` // null: history is in memory
	LastSampleAge *int64   `json:"last_sample_age_s"`
	Samples       int      `json:"sample_count"`  // of the last five minutes
	Load          *float64 `json:"loop_load_pct"` // nothing measures it: null; v0.12.6 said 0.4
	PID           int      `json:"annad_pid"`
	Socket        string   `json:"socket_path"`
	Uptime        int64    `json:"uptime_secs"`
	Version       string   `json:"version"`
}

// ownSeries is measured with every look of the daemon at itself.
const ownSeries = "annad_memory_bytes"

func serveStatus(h *host.Host, _ *rpc.Request) (any, error) {
	s := Status{
		State: "running", PID: h.PID, Socket: h.Socket, Uptime: int64(time.Since(h.Started).Seconds()), Version: h.Version.Version,
	}
	if path := h.Store().Stats().Path; path != "" {
		s.Database = &path
	}
	recent := h.Store().Recent(ownSeries)
	s.Samples = len(recent)
	if len(recent) > 0 {
		age := int64(time.Since(recent[len(recent)-1].Time).Seconds())
		s.LastSampleAge = &age
	}
	return s, nil
}
