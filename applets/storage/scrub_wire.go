package storage

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// Scrubs is what `storage btrfs scrub status` and `history` print.
type Scrubs struct {
	Filesystems []ScrubView `json:"filesystems"`
	Missing     []Missing   `json:"missing"`
}

// ScrubView is what is known of the scrubs of one file system.
type ScrubView struct {
	UUID    string       `json:"uuid"`
	Label   string       `json:"label"`
	Level   health.Level `json:"level"`
	Summary string       `json:"summary"`
	Running *scrub.Run   `json:"running"` // null: none is seen
	// Rate and LeftSec are null where they are not known.
	Rate    *float64   `json:"rate_bytes_per_sec"`
	LeftSec *float64   `json:"seconds_left"`
	Last    *scrub.Run `json:"last"` // null: none is known
	// UnknownBefore is from when on a scrub would be known; zero: never.
	UnknownBefore time.Time   `json:"unknown_before,omitzero"`
	Runs          []scrub.Run `json:"runs,omitempty"` // the newest first; history alone
	Missing       []Missing   `json:"missing"`
}

// RecordParams are a scrub that somebody ran or saw.
type RecordParams struct {
	UUID string    `json:"uuid"`
	Run  scrub.Run `json:"run"`
}

// Recorded is the result of record_scrub.
type Recorded struct{}

// ScrubStarted is what `scrub start` prints where a unit runs it.
type ScrubStarted struct {
	UUID string `json:"uuid"`
	Unit string `json:"unit"`
}

// ScrubResult is what `scrub start` prints where it ran itself, and `cancel`.
type ScrubResult struct {
	UUID string     `json:"uuid"`
	Run  *scrub.Run `json:"run"` // of cancel: as far as it was; null: none ran
}

// DamageReport is what `scrub damage` prints.
type DamageReport struct {
	UUID string `json:"uuid"`
	// Whole: everything was read, not only where the last scrub found errors.
	Whole   bool          `json:"whole"`
	Read    uint64        `json:"read_bytes"`
	Bad     uint64        `json:"damaged_bytes"` // what files share counts once
	Unowned uint64        `json:"unread_bytes"`
	Files   []DamagedFile `json:"files"`
	Missing []Missing     `json:"missing"`
}

// DamagedFile is one of them, in one subvolume.
type DamagedFile struct {
	Subvolume     uint64      `json:"subvolume"`
	SubvolumePath string      `json:"subvolume_path"` // inside the file system
	Inode         uint64      `json:"inode"`
	Paths         []string    `json:"paths"` // inside the subvolume
	PathsRaw      [][]byte    `json:"paths_base64,omitempty"`
	Reach         string      `json:"reach"` // a path that leads to it now; "": none
	Size          uint64      `json:"size_bytes"`
	Bad           uint64      `json:"damaged_bytes"`
	Ranges        []FileRange `json:"ranges"`
	Copies        []GoodCopy  `json:"good_copies"`
}

// FileRange is a part of a file.
type FileRange struct {
	Start  uint64 `json:"start"`
	Length uint64 `json:"length_bytes"`
}

// GoodCopy is a readable copy in another subvolume.
type GoodCopy struct {
	Subvolume     uint64    `json:"subvolume"`
	SubvolumePath string    `json:"subvolume_path"`
	Path          string    `json:"path"`
	Reach         string    `json:"reach"`
	Size          uint64    `json:"size_bytes"`
	Modified      time.Time `json:"modified"`
	// Same: it is of the same size and time, so that it holds what was lost.
	Same bool `json:"same_version"`
}
