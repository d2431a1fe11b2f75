// Package status is the first look: `anna status` shows the daemon, its level,
// what is wrong and what changed last on one screen; the method is get_status.
//
//	$ annactl status
//	▲ warning · annad 0.12.7
//
//	  running        pid 4711, since 2026-11-23 18:00:00 (1 h 2 min)
//	  socket         /run/anna/annad.sock
package status

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "status",
	Summary:  "the first look: daemon, level, what is wrong, what changed last",
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
	// Last is what changed last in each domain in which anything did, of what
	// the daemon has in memory.
	Last []Change `json:"last_changes"`
}

// Change is the last cause of a domain's last event.
type Change struct {
	Domain  string    `json:"domain"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
	// Others counts the other causes of the same event: a system upgrade is
	// one event with many.
	Others  int  `json:"others"`
	CatchUp bool `json:"catch_up"` // it happened while the daemon was down
}

// Config says which configuration holds.
type Config struct {
	Path    string `json:"path"`
	Missing bool   `json:"missing"` // there is no such file: the defaults hold
}
