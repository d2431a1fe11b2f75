// Package reload makes the daemon load its configuration anew, and shows what
// became of it: `anna reload` and the method reload.
//
// The method waits for its own receipt, so that a caller knows that this very
// request was acted on. With --signal the same is asked for with SIGHUP, which
// cannot answer: then the receipt is looked for afterwards.
//
//	$ sudo annactl reload && annactl config history
package reload

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
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
			Params: LastParams{}, Result: Last{}, Serve: serveLast,
		},
	},
}

const (
	methodReload = "reload"
	methodLast   = "get_last_reload"
)

// LastParams narrow get_last_reload down to one origin.
type LastParams struct {
	Origin string `json:"origin,omitempty"` // start, signal, watch or rpc
}

// Last is the result of get_last_reload: a receipt, with ID 0 where there is
// none of that origin.
type Last struct {
	config.Receipt
	// Begun is the ID of the attempt under way, or else of the last one: one
	// with a higher ID has read the files after this answer.
	Begun int64 `json:"begun"`
}

// rejection is what a rejected configuration is told as, by either half.
func rejection(rec config.Receipt) error {
	return rpc.Errorf(rpc.ConfigInvalid, "cannot apply the configuration %s: it is rejected, and the one before holds on", rec.Path).WithDetails(rec)
}
