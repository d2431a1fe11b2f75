package config

import (
	"encoding/json"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

func serveGet(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	e := effective(h.Config())
	last, _ := h.ReloadStatus()
	e.Generation, e.Waiting = last.Generation, last.Waiting
	return e, nil
}

func serveList(h *host.Host, r *rpc.Request) (any, error) {
	var p ListParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if p.Limit < 0 || p.Limit > MaxList {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot list generations: limit is %d, not 1 to %d", p.Limit, MaxList)
	}
	if p.Limit == 0 {
		p.Limit = 20
	}
	stored, err := h.Store().Generations(r.Context(), p.Limit)
	if err != nil {
		return nil, fmt.Errorf("cannot read the stored generations: %w", err)
	}
	first, size := len(stored), 0
	for first > 0 && size+len(stored[first-1].Data) <= mostList {
		first--
		size += len(stored[first].Data)
	}
	out := History{Receipts: []config.Receipt{}, Omitted: first}
	for _, g := range stored[first:] {
		rec, err := receipt(g)
		if err != nil {
			return nil, err
		}
		out.Receipts = append(out.Receipts, rec)
	}
	return out, nil
}

// mostList bounds the receipts of one answer, in bytes: rejected ones hold all
// their problems.
const mostList = 1 << 20

func receipt(g telemetry.Generation) (config.Receipt, error) {
	var rec config.Receipt
	if err := json.Unmarshal(g.Data, &rec); err != nil {
		return rec, fmt.Errorf("cannot read the stored receipt %d: %w", g.ID, err)
	}
	return rec, nil
}

func serveShow(h *host.Host, r *rpc.Request) (any, error) {
	var p ShowParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	id, err := find(h, r, p)
	if err != nil {
		return nil, err
	}
	g, ok, err := h.Store().Generation(r.Context(), id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the stored generation: %w", err)
	case !ok:
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot show attempt %d: it is not stored", id).WithHint("List what is: annactl config history")
	case g.Content == nil:
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot show attempt %d: its text was given up to keep the store small", id)
	}
	rec, err := receipt(g)
	if err != nil {
		return nil, err
	}
	src, err := config.Unarchive(g.Content)
	if err != nil {
		return nil, err
	}
	out := Stored{Receipt: rec, Policies: []Policy{}}
	if src.Config != nil {
		out.Config = string(src.Config.Data)
	}
	for _, f := range src.Policies {
		out.Policies = append(out.Policies, Policy{f.Path, string(f.Data)})
	}
	return out, nil
}

// find turns a generation into the attempt that made it: the first with that
// number, for those after it only found it unchanged or were rejected.
func find(h *host.Host, r *rpc.Request, p ShowParams) (int64, error) {
	if p.ID != 0 {
		return p.ID, nil
	}
	all, err := h.Store().Generations(r.Context(), 0)
	if err != nil {
		return 0, fmt.Errorf("cannot read the stored generations: %w", err)
	}
	for _, g := range all {
		if o := config.Outcome(g.Outcome); g.Generation == p.Generation && (o == config.Applied || o == config.Unchanged) {
			return g.ID, nil
		}
	}
	return 0, rpc.Errorf(rpc.InvalidParams, "cannot show generation %d: it is not stored", p.Generation).WithHint("List what is: annactl config history")
}
