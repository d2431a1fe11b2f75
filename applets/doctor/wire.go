package doctor

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// Checks is the result of list_checks.
type Checks struct {
	At        time.Time    `json:"at"`
	Level     health.Level `json:"level"`
	Version   string       `json:"version"`
	PID       int          `json:"pid"`
	UptimeSec int64        `json:"uptime_sec"`
	Checks    []Check      `json:"checks"`
	// Known are the acknowledgements that hold, also of what is no finding now.
	Known []health.Acknowledgement `json:"acknowledged"`
}

// Check is one check as it stands.
type Check struct {
	health.Result
	// Figures are what the check looked at, by name; null is unknown.
	Figures map[string]*float64 `json:"figures,omitempty"`
}

// AckParams name a finding and for how long it is known. ForSec 0 takes an
// acknowledgement back.
type AckParams struct {
	ID     string `json:"id"`
	ForSec int64  `json:"for_sec"`
	Note   string `json:"note,omitempty"`
}

// Acked is the result of acknowledge_finding.
type Acked struct {
	ID    string       `json:"id"`
	Until *time.Time   `json:"until"` // null: it counts again
	Level health.Level `json:"level"` // worse than this it counts again
}

// Report is what `anna doctor --json` prints.
type Report struct {
	Level      health.Level `json:"level"`
	Standalone bool         `json:"standalone"`
	Daemon     Daemon       `json:"daemon"`
	Checks     []Check      `json:"checks"`
	Fixes      []Fixed      `json:"fixes,omitempty"`
}

// Daemon says whether it answers, and why not.
type Daemon struct {
	Socket    string          `json:"socket"`
	Answers   bool            `json:"answers"`
	Version   string          `json:"version,omitempty"`
	Error     *Failure        `json:"error"`
	LastWords *diagnose.Words `json:"last_words,omitempty"`
}

// Failure is why the daemon did not answer.
type Failure struct {
	Code    rpc.Code `json:"code"`
	Message string   `json:"message"`
	Hint    string   `json:"hint"`
}

// Fixed is one thing that was mended, or would be.
type Fixed struct {
	Check string `json:"check"`
	Does  string `json:"does"`
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
}
