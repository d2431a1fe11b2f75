// Package health answers how the daemon is: `anna health` and the method
// get_health_metrics.
//
// The daemon measures itself around every request and reads its own process and
// cgroup when it is asked; nothing here is a constant, and a figure that cannot
// be had is null with its reason beside it.
//
//	$ annactl health --json | jq .rpc_latency_ms.p99
//	1.25
package health

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "health",
	Summary:  "how the daemon is: latency, memory, queue, capabilities",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: methodMetrics, Summary: "the daemon's own figures and what they mean",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Params: Params{}, Result: Metrics{}, Serve: serveMetrics,
	}, {
		Spec: rpc.Spec{
			Name: methodFollow, Summary: "findings as they are raised, change and are resolved",
			Kind: rpc.Stream, Access: rpc.Observe, Idempotent: true,
		},
		Params: rpc.Watching{}, Result: Item{}, Serve: serveFollow,
	}, {
		Spec: rpc.Spec{
			Name: methodHistory, Summary: "the daemon's own figures over the last five minutes",
			Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
		},
		Params: HistoryParams{}, Result: History{}, Serve: serveHistory,
	}},
}

const (
	methodMetrics = "get_health_metrics"
	methodFollow  = "follow_findings"
	methodHistory = "get_health_history"
)
