// Package facts shows what anna knows of the machine, as rules see it: `anna
// facts` and the method get_facts.
package facts

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "facts",
	Summary:  "what anna knows of the machine, as rules see it",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: method, Summary: "what is known of the machine; what is not, with the reason",
			Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
		},
		Params: Params{}, Result: facts.Tree{}, Serve: serve,
	}},
}

const method = "get_facts"

// Params are those of get_facts.
type Params struct {
	Branches []string `json:"branches,omitempty"` // none: all
}

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
