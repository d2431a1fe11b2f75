package version

import (
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveVersion(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	return Daemon{Info: h.Version, PID: h.PID, StartTicks: h.StartTicks, Started: h.Started}, nil
}
