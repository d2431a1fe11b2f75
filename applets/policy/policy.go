// Package policy tries rules before they are in force: `anna policy test`
// judges a file by this machine, by given facts, and by what is stored of the
// past. The method is try_rules.
//
//	$ anna policy test ./20-home.toml
//	home_filling  warning
//	  ▲ fires now for /home: /home is 91 % full
package policy

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "policy",
	Summary:  "try rules before they are in force",
	Commands: commands,
	Methods: []applet.Method{{
		Spec: rpc.Spec{
			Name: method, Summary: "what rules that are not in force find now, and would have found",
			Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
		},
		Params: Params{}, Result: policy.Trial{}, Serve: serve,
	}},
}

const method = "try_rules"

// Params are those of try_rules.
type Params struct {
	Files   []File `json:"files"`
	BackSec int64  `json:"back_sec,omitempty"` // how far into the past; 0: not at all
}

// A File is one file of rules, as TOML. Nothing is opened by its name.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Bounds of one question.
const (
	maxFiles = 16
	maxName  = 4096
	maxBack  = 30 * 24 * time.Hour
)
