package advisor

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serveList(h *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	standing, _, err := h.Advice(r.Context())
	return standing, err
}

// mostObjects bounds what is explained at once.
const mostObjects = 100

func serveExplain(h *host.Host, r *rpc.Request) (any, error) {
	var p ExplainParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	_, set, err := h.Advice(r.Context())
	if err != nil {
		return nil, err
	}
	tree, err := h.Facts(r.Context())
	if err != nil {
		return nil, err
	}
	rule := set.Find(policy.RuleOf(p.ID))
	if rule == nil {
		e := rpc.Errorf(rpc.InvalidParams, "cannot explain %s: there is no such rule", p.ID)
		if near := nearest.Of(p.ID, set.IDs()); near != "" {
			return nil, e.WithHint("Did you mean: anna advisor --explain %s", near)
		}
		return nil, e.WithHint("List them: anna advisor --all")
	}
	return explain(rule, tree.At, func() []Object {
		var list []Object
		for _, v := range policy.NewJudge().All(rule, tree) {
			if id := policy.FindingID(rule.ID, v.Object); p.ID != rule.ID && p.ID != id {
				continue
			}
			if len(list) < mostObjects {
				list = append(list, Object{Verdict: v, Saw: rule.Saw(tree, v.Object)})
			}
		}
		return list
	}(), h.Config().Health().RaiseAfter), nil
}

func explain(r *policy.Rule, at time.Time, objects []Object, hold time.Duration) Explained {
	if objects == nil {
		objects = []Object{}
	}
	return Explained{
		ID: r.ID, About: r.About, Level: r.Level, Each: r.Each, When: r.When, HoldSec: r.Hold(hold).Seconds(),
		Title: r.Title(), Detail: r.Detail(), Fix: r.Fix(), Refs: r.Refs, Action: r.Action, Enabled: r.Enabled,
		Place: r.Place(), At: at, Objects: objects,
	}
}

// Bounds of a snooze.
const (
	maxSnooze = 365 * 24 * time.Hour
	maxNote   = 500
)

func serveSnooze(h *host.Host, r *rpc.Request) (any, error) {
	var p SnoozeParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if p.ForSec < 0 || p.ForSec > int64(maxSnooze/time.Second) || len(p.Note) > maxNote {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot snooze %s: at most 365 days and a note of %d bytes", p.ID, maxNote)
	}
	standing, set, err := h.Advice(r.Context())
	if err != nil {
		return nil, err
	}
	rule := set.Find(policy.RuleOf(p.ID))
	found := false
	for _, a := range standing.Advice {
		found = found || a.ID == p.ID && a.Raised
	}
	switch {
	case rule == nil:
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot snooze %s: there is no such rule", p.ID).WithHint("List what there is: anna advisor")
	case !found && p.ForSec > 0:
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot snooze %s: it is not advised now", p.ID).WithHint("List what there is: anna advisor")
	}
	until := time.Now().Add(time.Duration(p.ForSec) * time.Second).UTC()
	if err := h.Snooze(p.ID, health.Ack{Until: until, Level: rule.Level.Health(), Who: r.Peer.Name(), Note: p.Note}); err != nil {
		return nil, err
	}
	out := Snoozed{ID: p.ID, Level: rule.Level}
	if p.ForSec > 0 {
		out.Until = &until
	}
	return out, nil
}
