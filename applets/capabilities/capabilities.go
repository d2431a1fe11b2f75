// Package capabilities tells what the daemon can do on this machine, module by
// module, and what to do about what it cannot: `anna capabilities` and the
// method list_capabilities.
//
//	$ annactl capabilities
//	▲ degraded  btrfs   without CAP_SYS_ADMIN
//	                    sudo anna storage btrfs shows all of it
//	● active    config  watches the files of [events] watch_files
package capabilities

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "capabilities",
	Summary:  "what the daemon can do on this machine, and why not more",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: "list_capabilities", Summary: "each module: active, degraded, disabled or failed, and why",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Params: rpc.Watching{}, Result: List{}, Serve: serveList,
	}},
}

// List is the result of list_capabilities.
type List struct {
	Counts       capability.Counts   `json:"counts"`
	Capabilities []capability.Report `json:"capabilities"`
}
