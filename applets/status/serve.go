package status

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

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
		Last:     lastChanges(h.Events),
	}, nil
}

// lastChanges looks through all that the queue remembers, in the order of
// domains.
func lastChanges(engine *events.Engine) []Change {
	// A follower reads what is there, some at a time, and then waits: not here.
	now, cancel := context.WithCancel(context.Background())
	cancel()
	last := map[events.Domain]events.Composite{}
	for remembered := engine.FollowComposites(1); ; {
		some, _, err := remembered.Next(now)
		if err != nil {
			break
		}
		for _, c := range some {
			last[c.Domain] = c
		}
	}
	out := []Change{}
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
