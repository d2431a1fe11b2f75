package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

func serveList(h *host.Host, r *rpc.Request) (any, error) {
	var p ListParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if err := checkDomain(p.Domain); err != nil {
		return nil, err
	}
	if p.Limit < 0 || p.Limit > MaxList {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot list events: limit is %d, not 1 to %d", p.Limit, MaxList)
	}
	if p.Limit == 0 {
		p.Limit = MaxList
	}
	status := h.Events.Status()
	list := List{Last: status.LastNumber, Pending: status.Pending, Accounting: status.Accounting}
	var err error
	list.Events, err = stored(r.Context(), h.Store(), telemetry.EventQuery{
		After: p.After, Since: p.Since, Domain: p.Domain, Limit: p.Limit, Newest: p.After == 0,
	})
	return list, err
}

// stored reads events from the store. What cannot be read from disk is there
// from memory, which is better than nothing and said elsewhere (store trouble).
func stored(ctx context.Context, store *telemetry.Store, q telemetry.EventQuery) ([]events.Composite, error) {
	rows, err := store.Events(ctx, q)
	if err != nil && len(rows) == 0 {
		return nil, fmt.Errorf("cannot read the stored events: %w", err)
	}
	out := make([]events.Composite, 0, len(rows))
	for _, row := range rows {
		var c events.Composite
		if err := json.Unmarshal(row.Data, &c); err != nil {
			return nil, fmt.Errorf("cannot read the stored event %d: %w", row.Seq, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func checkDomain(d string) error {
	if d != "" && !events.Domain(d).Valid() {
		return rpc.Errorf(rpc.InvalidParams, "cannot list events: there is no domain %q (there are %v)", d, events.Domains())
	}
	return nil
}

// serveFollow sends what is stored after a number, then what comes: the first
// from the store, for the queue's memory is shorter than a weekend.
func serveFollow(h *host.Host, r *rpc.Request) (any, error) {
	var p FollowParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if err := checkDomain(p.Domain); err != nil {
		return nil, err
	}
	send := func(c events.Composite) error {
		if p.Domain != "" && string(c.Domain) != p.Domain {
			return nil
		}
		return r.Send(Item{Event: &c})
	}
	from := uint64(0)
	if p.After != nil {
		next, err := sendStored(h, r, *p.After, p.Domain, send)
		if err != nil {
			return nil, err
		}
		from = next
	}
	f := h.Events.FollowComposites(from)
	for {
		batch, missed, err := f.Next(r.Context())
		if errors.Is(err, events.ErrClosed) {
			return nil, rpc.Errorf(rpc.Cancelled, "cannot go on: the daemon stops")
		}
		if err != nil {
			return nil, err
		}
		if missed > 0 {
			if err := r.Send(Item{Missed: missed}); err != nil {
				return nil, err
			}
		}
		for _, c := range batch {
			if err := send(c); err != nil {
				return nil, err
			}
		}
	}
}

// sendStored sends the stored events after a number and returns the number to
// go on from.
func sendStored(h *host.Host, r *rpc.Request, after uint64, domain string, send func(events.Composite) error) (uint64, error) {
	last := h.Events.Status().LastNumber
	if after > last {
		// A number of another life, before the state directory was removed: its
		// reader gets all of this one.
		after = 0
	}
	for {
		batch, err := stored(r.Context(), h.Store(), telemetry.EventQuery{After: after, Domain: domain, Limit: MaxList})
		if err != nil {
			return 0, err
		}
		for _, c := range batch {
			if err := send(c); err != nil {
				return 0, err
			}
			after = c.Number
		}
		if len(batch) < MaxList {
			break
		}
	}
	return after + 1, nil
}
