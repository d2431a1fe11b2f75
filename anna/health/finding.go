package health

import "time"

// A Verdict is what a check says about one snapshot.
type Verdict struct {
	Level    Level
	Notice   bool   // worth telling although the level is OK
	Detail   string // what was seen, also when all is well
	Evidence *Evidence
	Fix      string // the next step; "" for none
}

// rank orders what can be wrong: nothing, a notice, a warning, critical.
func (v Verdict) rank() int {
	switch {
	case v.Level >= Warning:
		return int(v.Level)
	case v.Notice && v.Level == OK:
		return 1
	}
	return 0
}

// Evidence is the figure that a verdict rests on.
type Evidence struct {
	Figure    string  `json:"figure"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	Unit      string  `json:"unit"`
	Samples   int     `json:"samples,omitempty"`
}

// A Finding is something wrong with the daemon that has lasted.
type Finding struct {
	ID       string    `json:"id"` // of its check
	Level    Level     `json:"level"`
	Title    string    `json:"title"`
	Detail   string    `json:"detail"`
	Evidence *Evidence `json:"evidence,omitempty"`
	Fix      string    `json:"fix,omitempty"`
	Since    time.Time `json:"since"`
	After    *Mark     `json:"after,omitempty"` // what happened before it began
	// BetterSince is there while the figure is good again, but not for long
	// enough to take the finding back.
	BetterSince  *time.Time `json:"better_since,omitempty"`
	Hides        []string   `json:"hides,omitempty"` // findings that it is the cause of
	Acknowledged *Ack       `json:"acknowledged,omitempty"`
}

// A Mark is something that happened: an event, or a configuration generation.
type Mark struct {
	Kind   string    `json:"kind"` // event, generation
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
}

// An Ack is somebody's word that a finding is known: until then it stays
// visible, but counts no more. Worse than Level it counts again.
type Ack struct {
	Until time.Time `json:"until"`
	Level Level     `json:"level"`
	Who   string    `json:"who"`
	Note  string    `json:"note,omitempty"`
}

// The kinds of changes.
const (
	Raised   = "raised"
	Changed  = "changed" // its level did
	Resolved = "resolved"
	Hidden   = "hidden" // its cause is a finding of its own now
	// Acknowledged: somebody said that it is known. Unacknowledged: it counts
	// again, for the time is over or the word was taken back.
	Acknowledged   = "acknowledged"
	Unacknowledged = "unacknowledged"
)

// An Acknowledgement is one and the check that it is about, whether or not
// there is a finding now.
type Acknowledgement struct {
	ID string `json:"id"`
	Ack
}

// A Change is a transition of a finding. Resolved and hidden ones carry it as
// it last was.
type Change struct {
	Number    uint64    `json:"number"`
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	Finding   Finding   `json:"finding"`
	LastedSec float64   `json:"lasted_sec,omitempty"` // of a resolved one
	Raised    time.Time `json:"raised"`               // when it was first told
}

// A Result is one check as it stands.
type Result struct {
	ID       string    `json:"id"`
	Group    string    `json:"group"`
	Title    string    `json:"title"`
	Result   Level     `json:"result"`
	Detail   string    `json:"detail"`
	Evidence *Evidence `json:"evidence,omitempty"`
	Fix      string    `json:"fix,omitempty"`
	// Since, After and Acknowledged are those of the finding, where there is
	// one.
	Since        *time.Time `json:"since,omitempty"`
	After        *Mark      `json:"after,omitempty"`
	Acknowledged *Ack       `json:"acknowledged,omitempty"`
	HiddenBy     string     `json:"hidden_by,omitempty"`
	// PendingSec is for how long something has been wrong that is not yet a
	// finding.
	PendingSec float64 `json:"pending_sec,omitempty"`
}

// A State is the daemon's health at one moment.
type State struct {
	At       time.Time
	Level    Level
	Findings []Finding         // the worst first
	Checks   []Result          // in the order of the table
	Known    []Acknowledgement // the acknowledgements that hold, in the order of the table
}
