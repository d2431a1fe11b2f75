package capabilities

import (
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveList(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&rpc.Watching{}); err != nil {
		return nil, err
	}
	reports := h.Capabilities()
	return List{Counts: capability.Count(reports), Capabilities: reports}, nil
}
