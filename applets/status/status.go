// Package status is the first look: `anna status` shows the daemon, its level,
// what is wrong and what changed last on one screen; the method is get_status.
package status

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
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

func serveStatus(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	src := h.Config().Sources()
	return Status{
		State: "running", Version: h.Version.Version, PID: h.PID, Started: h.Started,
		UptimeSec: int64(time.Since(h.Started).Seconds()), Socket: h.Socket,
		Config:   Config{Path: src.Path, Missing: src.Missing},
		Requests: h.Latency.Snapshot().Requests,
		Last:     lastChanges(r.Context(), h.Events),
	}, nil
}

// lastChanges looks through what the queue remembers, in the order of domains.
func lastChanges(ctx context.Context, engine *events.Engine) []Change {
	out := []Change{}
	if engine.Status().LastNumber == 0 {
		return out // nothing to read, and nothing to wait for
	}
	recent, _, err := engine.FollowComposites(1).Next(ctx)
	if err != nil {
		return out
	}
	last := map[events.Domain]events.Composite{}
	for _, c := range recent {
		last[c.Domain] = c
	}
	for _, d := range events.Domains() {
		c, ok := last[d]
		if !ok || len(c.Causes) == 0 {
			continue
		}
		newest := c.Causes[len(c.Causes)-1]
		out = append(out, Change{
			Domain: string(d), Time: newest.LastTime, Kind: newest.Kind, Subject: newest.Subject, Detail: newest.Detail,
			Others: len(c.Causes) - 1, CatchUp: newest.CatchUp,
		})
	}
	return out
}
