package reload

import (
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveReload(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	uid := r.Peer.UID
	rec, err := h.Reload("rpc", &uid)
	if err != nil {
		return nil, rpc.Errorf(rpc.Busy, "cannot load the configuration: %w", err)
	}
	if rec.Outcome == config.Rejected {
		return nil, rejection(rec)
	}
	return rec, nil
}

func serveLast(h *host.Host, r *rpc.Request) (any, error) {
	var p LastParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	switch p.Origin {
	case "", "start", "signal", "watch", "rpc":
	default:
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot show the last reload: there is no origin %.40q", p.Origin).
			WithHint("Origins are start, signal, watch and rpc")
	}
	rec, begun := h.LastReload(p.Origin)
	return Last{rec, begun}, nil
}
