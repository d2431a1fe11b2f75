// Package advisor says what to do about this machine: `anna advisor` and the
// methods list_advice, explain_rule and snooze_advice. The advice comes from
// rules, built in and of policies.d; what each goes by is shown.
//
//	$ anna advisor
//	▲ warning: /home is 91 % full  low_space:/home
//	  9 GiB are left
//	  See what takes it:
//	  du -xh --max-depth=1 /home | sort -h
package advisor

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "advisor",
	Summary:  "what to do about this machine, and why",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: methodList, Summary: "what the rules advise, and what they cannot tell",
			Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
		},
		Result: policy.Standing{}, Serve: serveList,
	}, {
		Spec: rpc.Spec{
			Name: methodExplain, Summary: "a rule as it stands: what it checks, the facts, the verdict",
			Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
		},
		Params: ExplainParams{}, Result: Explained{}, Serve: serveExplain,
	}, {
		Spec: rpc.Spec{
			Name: methodSnooze, Summary: "say that advice is known, for a time",
			Kind: rpc.Quick, Access: rpc.Control, Idempotent: true,
		},
		Params: SnoozeParams{}, Result: Snoozed{}, Serve: serveSnooze,
	}},
}

const (
	methodList    = "list_advice"
	methodExplain = "explain_rule"
	methodSnooze  = "snooze_advice"
)
