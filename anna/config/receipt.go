package config

import (
	"time"
)

// An Outcome is how an attempt to load a configuration ended.
type Outcome string

// The outcomes.
const (
	Applied   Outcome = "applied"   // a new generation holds
	Unchanged Outcome = "unchanged" // it says what already holds
	Rejected  Outcome = "rejected"  // the old one holds on
	Restored  Outcome = "restored"  // a start from the last good one, for the file is invalid
)

// A Receipt is what became of one attempt to load a configuration. It is
// stored and crosses the socket.
type Receipt struct {
	ID         int64     `json:"id"` // ascending, one for each attempt
	Time       time.Time `json:"time"`
	Origin     string    `json:"origin"`        // start, signal, watch, rpc
	UID        *int      `json:"uid,omitempty"` // of the caller, with rpc
	Path       string    `json:"path"`
	Digest     string    `json:"digest"` // SHA-256 of what was read, in hex
	Outcome    Outcome   `json:"outcome"`
	Generation uint64    `json:"generation"` // in force afterwards
	Changes    []Change  `json:"changes"`
	// Waiting are the keys whose new value holds only after a restart, of this
	// reload and of those before.
	Waiting    []Change  `json:"waiting_for_restart"`
	Problems   []Problem `json:"problems"`
	DurationMS float64   `json:"duration_ms"`
	Before     *Vitals   `json:"before,omitempty"`
	After      *Vitals   `json:"after,omitempty"`
}

// Vitals are how the daemon was at one moment.
type Vitals struct {
	Level     string   `json:"level"`    // of health: ok, warning, critical
	Findings  int      `json:"findings"` // raised
	MemoryMB  *float64 `json:"memory_mb"`
	RPCP99MS  *float64 `json:"rpc_p99_ms"`
	QueueWait uint64   `json:"queue_depth"`
	Modules   int      `json:"modules_active"`
}
