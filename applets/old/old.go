// Package old keeps for the users of v0.12.6 what they type and what their
// clients ask, where it is true: the methods status, events, storage_profile
// and advisor_run answer in the shape that they had, with null for what is not
// known. What anna no longer has, or has not yet, says in one line what to use.
//
//	$ annactl sensors
//	annactl: annactl sensors of v0.12.6 is not here; use: anna facts sensor
//
// docs/MIGRATION.md is the whole list, also of what other applets keep.
package old

import (
	"encoding/json"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "old",
	Summary:  "what v0.12.6 had, under its names",
	Commands: commands,
	Methods: []applet.Method{
		method("status", "get_status, as v0.12.6 answered it", rpc.Quick, Status{}, serveStatus),
		method("events", "list_events, as v0.12.6 answered it", rpc.Long, Events{}, serveEvents),
		method("storage_profile", "the Btrfs file system of /, as v0.12.6 answered it", rpc.Long, Profile{}, serveProfile(btrfs.Roots{}, "/")),
		method("advisor_run", "list_advice, as v0.12.6 answered it", rpc.Long, []Advice{}, serveAdvice),
	},
	Gone: goneMethods,
}

func method(name, summary string, kind rpc.Kind, result any, serve func(*host.Host, *rpc.Request) (any, error)) applet.Method {
	return applet.Method{
		Spec:   rpc.Spec{Name: name, Summary: summary, Kind: kind, Access: rpc.Observe, Idempotent: true},
		Result: result, Serve: serve, Old: true,
	}
}

// decode reads the parameters as v0.12.6 did: what it does not know, it passes
// over.
func decode(r *rpc.Request, v any) error {
	if len(r.Params) == 0 || r.Params[0] != '{' {
		return nil
	}
	if err := json.Unmarshal(r.Params, v); err != nil {
		return rpc.Errorf(rpc.InvalidParams, "cannot read the parameters of %s: %w", r.Method, err)
	}
	return nil
}

func commands() []*console.Command {
	var out []*console.Command
	for _, g := range goneCommands {
		out = append(out, &console.Command{Name: g.name, Summary: "of v0.12.6, and not here", Hidden: true, Instead: g.instead})
	}
	return out
}
