package facts

import (
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serve(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if len(p.Branches) > len(facts.Kinds) {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot tell %d branches of facts: there are %d", len(p.Branches), len(facts.Kinds))
	}
	for _, name := range p.Branches {
		if facts.FindKind(name) == nil {
			return nil, rpc.Errorf(rpc.InvalidParams, "cannot tell the facts of %q: there is no such branch", name)
		}
	}
	tree, err := h.Facts(r.Context())
	if err != nil || len(p.Branches) == 0 {
		return tree, err
	}
	return tree.Only(p.Branches...), nil
}
