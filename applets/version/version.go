// Package version tells which anna runs on both ends: `anna version` and the
// method get_version, which also names the daemon's process.
//
//	$ annactl version
//	client  0.12.7
//	daemon  0.12.7
package version

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "version",
	Summary:  "the versions of client and daemon",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: "get_version", Summary: "the daemon's build, process and start",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Result: Daemon{}, Serve: serveVersion,
	}},
}

// Daemon is the result of get_version.
type Daemon struct {
	version.Info
	PID int `json:"pid"`
	// StartTicks is when the process began, in clock ticks since boot (proc(5),
	// field 22 of stat): with the pid it names the process for good.
	StartTicks uint64    `json:"start_ticks"`
	Started    time.Time `json:"started"`
}
