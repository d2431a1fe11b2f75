// Package status is the first look: `anna status` shows the daemon, its level
// and what is wrong on one screen; the method is get_status.
package status

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "status",
	Summary:  "the first look: daemon, level, what is wrong",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: "get_status", Summary: "who the daemon is and since when it runs",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Result: Status{}, Serve: serveStatus,
	}},
}

// Status is the result of get_status.
type Status struct {
	State     string    `json:"state"` // running
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	UptimeSec int64     `json:"uptime_sec"`
	Socket    string    `json:"socket"`
	Config    Config    `json:"config"`
	Requests  uint64    `json:"requests"`
}

// Config says which configuration holds.
type Config struct {
	Path    string `json:"path"`
	Missing bool   `json:"missing"` // there is no such file: the defaults hold
}

func serveStatus(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	src := h.Config().Sources()
	return Status{
		State: "running", Version: h.Version.Version, PID: h.PID, Started: h.Started,
		UptimeSec: int64(time.Since(h.Started).Seconds()), Socket: h.Socket,
		Config:   Config{Path: src.Path, Missing: src.Missing},
		Requests: h.Latency.Snapshot().Requests,
	}, nil
}
