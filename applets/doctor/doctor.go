// Package doctor runs every check there is: `anna doctor`. The daemon's checks
// about itself come from its own table; beside them stand those that only a
// client can make, and those are all that is left, and the more worth, when the
// daemon is dead.
//
// What is mended with --fix is compiled in and found by a check's name. Nothing
// that came over the socket or out of a file is ever run.
//
//	$ anna doctor
//	■ critical · annad 0.12.7
//
//	resources
//	■ memory         72 MB in use of 80 MB (threshold: 70 MB)
package doctor

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "doctor",
	Summary:  "every check, what is wrong, and what to do",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: methodChecks, Summary: "what the daemon checks about itself, each as it stands",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Result: Checks{}, Serve: serveChecks,
	}, {
		Spec: rpc.Spec{
			Name: methodAck, Summary: "say that a finding is known, for a time",
			Kind: rpc.Quick, Access: rpc.Control, Idempotent: true,
		},
		Params: AckParams{}, Result: Acked{}, Serve: serveAck,
	}},
}

const (
	methodChecks = "list_checks"
	methodAck    = "acknowledge_finding"
)
