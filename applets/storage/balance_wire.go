package storage

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// Balances is what `storage btrfs balance status` prints.
type Balances struct {
	Filesystems []Balance `json:"filesystems"`
	Missing     []Missing `json:"missing"`
}

// Balance is what is known of the balances of one file system, and whether one
// is worth its while. It is the result of get_balance, too.
type Balance struct {
	UUID  string       `json:"uuid"`
	Label string       `json:"label"`
	Level health.Level `json:"level"`
	// State is "running", "pausing", "cancelling", "paused", "none" or
	// "unknown".
	State    string           `json:"state"`
	Progress *BalanceProgress `json:"progress"` // null: none, or not seen
	Last     *LastBalance     `json:"last"`     // null: none is known
	// UnknownBefore is from when on a balance would be known; zero: never
	// watched.
	UnknownBefore time.Time      `json:"unknown_before,omitzero"`
	Types         []TypeSpace    `json:"types"`
	Advice        *BalanceAdvice `json:"advice"`
	SeenBy        string         `json:"seen_by"`
	Missing       []Missing      `json:"missing"`
}

// LastBalance is the last balance that is known. Started or Ended is zero where
// that was not seen.
type LastBalance struct {
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome"` // finished, failed, cancelled, paused, unknown
	Detail  string    `json:"detail"`  // what the kernel said of it
	Source  string    `json:"source"`  // "kernel log" or "daemon"
}

// BalanceAdvice says whether a balance is worth its while. Nothing starts it but
// who types the commands.
type BalanceAdvice struct {
	// Advice is "none": there is room; "balance": the commands gain some;
	// "other": it would fail or gain nothing; "unknown".
	Advice string       `json:"advice"`
	Reason string       `json:"reason"`
	Level  health.Level `json:"level"`
	Text   string       `json:"text"`
	// Commands are to be typed one after the other, Helps is what helps instead
	// or as well.
	Commands []string `json:"commands"`
	Helps    []string `json:"helps"`
	// Metadata in use, and from where on it is said to be much. By itself that
	// is no reason for a balance.
	MetadataPercent float64 `json:"metadata_used_percent"`
	MetadataWarn    float64 `json:"metadata_warn_percent"`
	MetadataNote    string  `json:"metadata_note"`
	Unallocated     uint64  `json:"unallocated_bytes"`
	Headroom        int64   `json:"headroom_bytes"`
	Wanted          uint64  `json:"wanted_headroom_bytes"`
	Moved           uint64  `json:"moved_bytes"`
	Gained          uint64  `json:"gained_bytes"` // raw, over all devices
	After           int64   `json:"headroom_after_bytes"`
	Reached         bool    `json:"reached"` // it is as wanted afterwards
	Steps           []Step  `json:"steps"`
	// Reclaims: the kernel itself moves nearly empty block groups together.
	Reclaims string `json:"kernel_reclaims"`
}

// Step is one run of balance over the block groups from Start to End.
type Step struct {
	Type   string `json:"type"`
	Start  uint64 `json:"start"`
	End    uint64 `json:"end"`
	Groups int    `json:"block_groups"`
	Moved  uint64 `json:"moved_bytes"`
	Gained uint64 `json:"gained_bytes"`
}
