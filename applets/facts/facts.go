// Package facts shows what anna knows of the machine, as rules see it: `anna
// facts` and the method get_facts.
//
//	$ anna facts load
//	load
//	  one      0.42
//	  five     0.31
//	  fifteen  0.25
package facts

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
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
