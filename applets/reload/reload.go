// Package reload makes the daemon load its configuration anew, and shows what
// became of it: `anna reload` and the method reload.
//
// The method waits for its own receipt, so that a caller knows that this very
// request was acted on. With --signal the same is asked for with SIGHUP, which
// cannot answer: then the receipt is looked for afterwards.
package reload

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "reload",
	Summary:  "load the configuration anew, without a restart",
	Commands: commands,
	Methods: []applet.Method{
		{
			Spec: rpc.Spec{
				Name: methodReload, Summary: "load the configuration anew and wait for the receipt",
				Kind: rpc.Long, Access: rpc.Control, Idempotent: true,
			},
			Result: config.Receipt{}, Serve: serveReload,
		},
		{
			Spec: rpc.Spec{
				Name: methodLast, Summary: "the receipt of the last attempt to load a configuration",
				Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
			},
			Result: config.Receipt{}, Serve: serveLast,
		},
	},
}

const (
	methodReload = "reload"
	methodLast   = "get_last_reload"
)

func serveReload(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	uid := r.Peer.UID
	rec := h.Reload("rpc", &uid)
	if rec.Outcome == config.Rejected {
		return nil, rpc.Errorf(rpc.ConfigInvalid, "cannot apply the configuration %s: it is rejected, and the one before holds on", rec.Path).WithDetails(rec)
	}
	return rec, nil
}

func serveLast(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	last, _ := h.ReloadStatus()
	return last, nil
}
