// Package config shows, checks and compares configurations: `anna config
// validate`, show, diff and history, and the methods get_config,
// list_generations and get_generation.
//
// Validation needs no daemon: it is the same code that the daemon judges with.
//
//	$ annactl config validate dist/config.toml
//	dist/config.toml: valid
package config

import (
	"fmt"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "config",
	Summary:  "check, show and compare the configuration",
	Commands: commands,
	Methods: []applet.Method{
		{
			Spec: rpc.Spec{
				Name: methodGet, Summary: "every key's value that holds, and where it comes from",
				Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
			},
			Result: Effective{}, Serve: serveGet,
		},
		{
			Spec: rpc.Spec{
				Name: methodList, Summary: "the receipts of the attempts to load a configuration, the newest last",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: ListParams{}, Result: History{}, Serve: serveList,
		},
		{
			Spec: rpc.Spec{
				Name: methodShow, Summary: "a stored configuration, as it was read",
				Kind: rpc.Long, Access: rpc.Control, Idempotent: true,
			},
			Params: ShowParams{}, Result: Stored{}, Serve: serveShow,
		},
	},
}

const (
	methodGet  = "get_config"
	methodList = "list_generations"
	methodShow = "get_generation"
)

// MaxList is how many receipts one answer holds at most.
const MaxList = 200

// Effective is a whole configuration, key by key.
type Effective struct {
	Path       string  `json:"path"`
	Missing    bool    `json:"missing"` // there is no such file: the defaults hold
	Generation uint64  `json:"generation,omitempty"`
	Keys       []Value `json:"keys"`
	// Policies are the files of policies.d, with the beginning of the SHA-256
	// of each.
	Policies []PolicyFile    `json:"policies"`
	Waiting  []config.Change `json:"waiting_for_restart,omitempty"`
}

// Value is one key.
type Value struct {
	Key     string       `json:"key"`
	Value   any          `json:"value"`
	Text    string       `json:"text"`   // as TOML
	Origin  string       `json:"origin"` // default, FILE:LINE, or the flag
	Default bool         `json:"default"`
	Class   config.Class `json:"class"`
}

// PolicyFile is a file of policies.d, as its directory and name.
type PolicyFile struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

// effective lists a configuration.
func effective(cfg *config.Config) Effective {
	src := cfg.Sources()
	e := Effective{Path: src.Path, Missing: src.Missing}
	for _, k := range config.Keys() {
		o := cfg.Origin(k.Name)
		e.Keys = append(e.Keys, Value{
			Key: k.Name, Value: cfg.Value(k.Name), Text: cfg.Text(k.Name),
			Origin: fmt.Sprint(o), Default: o.IsDefault(), Class: k.Class,
		})
	}
	e.Policies = []PolicyFile{}
	for _, c := range config.Diff(config.Default(), cfg) {
		if _, isKey := e.find(c.Key); !isKey {
			e.Policies = append(e.Policies, PolicyFile{c.Key, c.After})
		}
	}
	return e
}

func (e *Effective) find(key string) (Value, bool) {
	i := slices.IndexFunc(e.Keys, func(v Value) bool { return v.Key == key })
	if i < 0 {
		return Value{}, false
	}
	return e.Keys[i], true
}

// ListParams bound list_generations.
type ListParams struct {
	Limit int `json:"limit,omitempty"` // the newest; at most MaxList
}

// History is the result of list_generations.
type History struct {
	Receipts []config.Receipt `json:"receipts"`
	// Omitted counts older ones that were asked for and would make the answer
	// too long.
	Omitted int `json:"omitted,omitempty"`
}

// ShowParams name a receipt or a generation; a generation is the attempt that
// made it.
type ShowParams struct {
	ID         int64  `json:"id,omitempty"`
	Generation uint64 `json:"generation,omitempty"`
}

// Stored is a configuration as it was read.
type Stored struct {
	Receipt  config.Receipt `json:"receipt"`
	Config   string         `json:"config"`
	Policies []Policy       `json:"policies"`
}

// Policy is a stored file of policies.d.
type Policy struct {
	Path string `json:"path"`
	Text string `json:"text"`
}
