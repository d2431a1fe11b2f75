package advisor

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/policy"
)

// ExplainParams name a rule, or one of its findings.
type ExplainParams struct {
	ID string `json:"id"`
}

// Explained is the result of explain_rule.
type Explained struct {
	ID      string        `json:"id"`
	About   string        `json:"about"`
	Level   policy.Level  `json:"level"`
	Each    string        `json:"each,omitempty"`
	When    string        `json:"when"`
	HoldSec float64       `json:"hold_sec"`
	Title   string        `json:"title"`
	Detail  string        `json:"detail,omitempty"`
	Fix     string        `json:"fix,omitempty"`
	Refs    []string      `json:"refs,omitempty"`
	Action  policy.Action `json:"action"`
	Enabled bool          `json:"enabled"`
	Place   string        `json:"place"`
	At      time.Time     `json:"at"` // of the facts
	Objects []Object      `json:"objects"`
}

// Object is what a rule says of one object, or of the machine.
type Object struct {
	policy.Verdict
	Saw []policy.Saw `json:"saw"`
}

// SnoozeParams name advice and for how long it is known. ForSec 0 takes it
// back.
type SnoozeParams struct {
	ID     string `json:"id"`
	ForSec int64  `json:"for_sec"`
	Note   string `json:"note,omitempty"`
}

// Snoozed is the result of snooze_advice.
type Snoozed struct {
	ID    string       `json:"id"`
	Until *time.Time   `json:"until"` // null: it counts again
	Level policy.Level `json:"level"` // worse than this it counts again
}
