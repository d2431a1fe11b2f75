// Package events tells what happened on the machine: `anna events`, the method
// list_events for what is stored, and follow_events for what comes.
//
// What is shown are composites: what one domain brought within a moment, with
// every cause and its count. They are numbered without gaps over all restarts,
// which is how a follower goes on after one.
//
//	$ annactl events --since 1h
//	2026-11-23 18:30:01  storage   /mnt/backup mounted · btrfs, rw · 3 times
//	2026-11-23 18:30:01  storage   /home read only
package events

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "events",
	Summary:  "what happened on the machine",
	Commands: commands,
	Methods: []applet.Method{
		{
			Spec: rpc.Spec{
				Name: methodList, Summary: "stored events, the newest or those after a number",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: ListParams{}, Result: List{}, Serve: serveList,
		},
		{
			Spec: rpc.Spec{
				Name: methodFollow, Summary: "events as they come, after a number",
				Kind: rpc.Stream, Access: rpc.Observe, Idempotent: true,
			},
			Params: FollowParams{}, Result: Item{}, Serve: serveFollow,
		},
	},
}

const (
	methodList   = "list_events"
	methodFollow = "follow_events"
)

// MaxList is how many events one answer holds at most.
const MaxList = 500

// ListParams select events. Zero fields do not restrict.
type ListParams struct {
	Since  time.Time `json:"since,omitzero"`
	After  uint64    `json:"after,omitempty"` // numbers above; then the oldest of them come first
	Domain string    `json:"domain,omitempty"`
	Limit  int       `json:"limit,omitempty"` // at most MaxList, which is the default
	rpc.Watching
}

// List is the result of list_events, in the order of the numbers.
type List struct {
	Events     []events.Composite `json:"events"`
	Last       uint64             `json:"last"` // number of the newest there is
	Pending    uint64             `json:"pending"`
	Accounting events.Accounting  `json:"accounting"`
}

// FollowParams say from where on. Without After, from now on.
type FollowParams struct {
	After  *uint64 `json:"after,omitempty"`
	Domain string  `json:"domain,omitempty"`
	rpc.Watching
}

// Item is one item of follow_events: an event, or how many were missed because
// they are stored no longer.
type Item struct {
	Event  *events.Composite `json:"event,omitempty"`
	Missed uint64            `json:"missed,omitempty"`
}
