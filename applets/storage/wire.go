package storage

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// Sizes are bytes. Sizes of profiles are logical, those of devices raw. A figure
// that could not be had is null, and Missing says why.

// Params name the file system that a method is about.
type Params struct {
	UUID string `json:"uuid"`
}

// List is the result of list_filesystems.
type List struct {
	// Privileged: the daemon has CAP_SYS_ADMIN, and so sees more than an
	// ordinary user.
	Privileged  bool     `json:"privileged"`
	Filesystems []Listed `json:"filesystems"`
}

// Listed is one file system.
type Listed struct {
	UUID   string `json:"uuid"`
	Label  string `json:"label"`
	Device string `json:"device"` // major:minor, as in mountinfo
}

// Missing says what an answer lacks, why, and what would make it known.
type Missing struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Need string `json:"need,omitempty"`
}

// Show is what `storage btrfs show` prints.
type Show struct {
	Filesystems []Filesystem `json:"filesystems"`
	// Tools and Boot are what takes snapshots here, and what boots them.
	Tools   []Tool    `json:"snapshot_tools"`
	Boot    []Boot    `json:"boot_loaders"`
	Explain *Explain  `json:"explain,omitempty"`
	Missing []Missing `json:"missing"`
}

// Filesystem is one file system as a whole.
type Filesystem struct {
	UUID  string       `json:"uuid"`
	Label string       `json:"label"`
	Level health.Level `json:"level"`
	// Problems are what is wrong, the worst first.
	Problems []Problem `json:"problems"`
	// ReadOnly: nobody can write. ForcedReadOnly: the kernel made it so
	// because of an error.
	ReadOnly       bool `json:"read_only"`
	ForcedReadOnly bool `json:"forced_read_only"`
	Degraded       bool `json:"degraded"`

	Devices     []Device    `json:"devices"`
	Space       *Space      `json:"space"`
	Format      *Format     `json:"format"`
	Mounts      []Mount     `json:"mounts"`
	Compression []string    `json:"compression"` // as mounted; empty: off
	Subvolumes  *Counts     `json:"subvolumes"`
	Default     *Default    `json:"default_subvolume"`
	Operations  *Operations `json:"operations"`
	// Balance is whether one is worth its while.
	Balance *BalanceAdvice `json:"balance_advice"`
	// Scrub is what is known of its scrubs; null of the daemon's own answer.
	Scrub *ScrubView `json:"scrub"`
	Quota *Quota     `json:"quota"`
	// SeenBy is who looked: "client", with the caller's rights, or "daemon".
	SeenBy  string    `json:"seen_by"`
	Missing []Missing `json:"missing"`
}

// Problem is one thing that is wrong now.
type Problem struct {
	ID    string       `json:"id"`
	Level health.Level `json:"level"`
	Text  string       `json:"text"`
	Fix   string       `json:"fix"`
}

// Format is how the file system is laid out on its devices.
type Format struct {
	NodeSize     uint32   `json:"node_size"`
	SectorSize   uint32   `json:"sector_size"`
	Checksum     string   `json:"checksum"`
	Generation   uint64   `json:"generation"`
	MetadataUUID string   `json:"metadata_uuid,omitempty"`
	TempUUID     bool     `json:"temporary_uuid,omitempty"`
	Features     []string `json:"features"`
}

// Device is one device. Path is empty where it is absent.
type Device struct {
	ID          uint64        `json:"id"`
	UUID        string        `json:"uuid"`
	Path        string        `json:"path"`
	Size        uint64        `json:"size_bytes"`
	BlockSize   uint64        `json:"block_device_bytes"` // 0: unknown
	Allocated   uint64        `json:"allocated_bytes"`
	Unallocated uint64        `json:"unallocated_bytes"`
	Absent      bool          `json:"missing"`
	Seed        bool          `json:"seed"`
	Replacing   bool          `json:"replace_target"`
	Writable    bool          `json:"writable"`
	Errors      *DeviceErrors `json:"errors"`
}

// DeviceErrors are counted since they were last reset.
type DeviceErrors struct {
	Write      uint64 `json:"write"`
	Read       uint64 `json:"read"`
	Flush      uint64 `json:"flush"`
	Corruption uint64 `json:"corruption"`
	Generation uint64 `json:"generation"`
	Total      uint64 `json:"total"`
}

// Space is how full it is, and what can still be had.
type Space struct {
	DeviceBytes uint64 `json:"device_bytes"`
	Allocated   uint64 `json:"allocated_bytes"`
	Unallocated uint64 `json:"unallocated_bytes"`
	Used        uint64 `json:"used_bytes"` // logical, over all types
	// Free is how much data can still be written: what data chunks have left
	// and what could still be allocated for them.
	Free uint64 `json:"free_bytes"`
	// DFFree is what df shows as available, for comparison.
	DFFree      *uint64     `json:"df_available_bytes"`
	Types       []TypeSpace `json:"types"`
	Reserve     uint64      `json:"global_reserve_bytes"`
	ReserveUsed uint64      `json:"global_reserve_used_bytes"`
	Headroom    *Headroom   `json:"metadata_headroom"`
	// Exact says that holes on the devices were measured; otherwise each
	// device was taken for one range, which is the upper bound.
	Exact bool   `json:"exact"`
	Rooms []Room `json:"rooms"`
}

// Headroom is how much metadata can still be written; below zero when the
// reserve no longer fits.
type Headroom struct {
	Bytes       int64  `json:"bytes"`
	Slack       uint64 `json:"slack_bytes"`
	Reserve     uint64 `json:"reserve_bytes"`
	Allocatable uint64 `json:"allocatable_bytes"`
	Chunks      int    `json:"allocatable_chunks"`
}

// TypeSpace is data, metadata (or both: mixed) or system.
type TypeSpace struct {
	Type        string         `json:"type"`
	Total       uint64         `json:"total_bytes"`
	Used        uint64         `json:"used_bytes"`
	UsedPercent float64        `json:"used_percent"`
	Free        uint64         `json:"free_bytes"`
	Slack       uint64         `json:"slack_bytes"`
	DiskTotal   uint64         `json:"disk_total_bytes"`
	DiskUsed    uint64         `json:"disk_used_bytes"`
	ReadOnly    uint64         `json:"read_only_bytes"`
	Pinned      uint64         `json:"pinned_bytes"`
	Unusable    uint64         `json:"zone_unusable_bytes"`
	Next        string         `json:"next_profile"`
	Could       Could          `json:"could_get"`
	Profiles    []ProfileSpace `json:"profiles"`
}

// ProfileSpace is one type in one profile.
type ProfileSpace struct {
	Profile string `json:"profile"`
	Total   uint64 `json:"total_bytes"`
	Used    uint64 `json:"used_bytes"`
	Could   Could  `json:"could_get"`
}

// Could is what could still be allocated, were nobody else to ask. Stranded is
// unallocated space that the profile cannot use.
type Could struct {
	Chunks   int    `json:"chunks"`
	Bytes    uint64 `json:"bytes"`
	Raw      uint64 `json:"raw_bytes"`
	Stranded uint64 `json:"stranded_bytes"`
}

// Room is the unallocated space of one device.
type Room struct {
	Device  uint64 `json:"device"`
	Bytes   uint64 `json:"bytes"`
	Holes   int    `json:"holes"`
	Largest uint64 `json:"largest_bytes"`
}

// Mount is one mount of the file system.
type Mount struct {
	Point     string   `json:"point"`
	PointRaw  []byte   `json:"point_base64,omitempty"`
	Root      string   `json:"root"` // path inside the file system
	RootRaw   []byte   `json:"root_base64,omitempty"`
	Subvolume uint64   `json:"subvolume"`
	ReadOnly  bool     `json:"read_only"`
	Options   []string `json:"options"`
	HiddenBy  string   `json:"hidden_by,omitempty"` // what is mounted over it
}

// Counts are subvolumes in short. Without Complete only those are counted that
// the caller can reach.
type Counts struct {
	Total     int  `json:"total"`
	Snapshots int  `json:"snapshots"`
	ReadOnly  int  `json:"read_only"`
	Pending   int  `json:"pending_deletion"`
	Complete  bool `json:"complete"`
	// Oldest and Newest are when the first and the last snapshot were taken.
	Oldest time.Time `json:"oldest_snapshot,omitzero"`
	Newest time.Time `json:"newest_snapshot,omitzero"`
}

// Default is the subvolume that a plain mount shows. Path is empty where it
// is not known.
type Default struct {
	ID   uint64 `json:"id"`
	Path string `json:"path"`
}

// Operations is what runs now.
type Operations struct {
	Exclusive string           `json:"exclusive"` // "none", "balance" ...; "" unknown
	Running   bool             `json:"running"`
	Balance   *BalanceProgress `json:"balance"`
	Replace   *ReplaceProgress `json:"replace"`
	Scrubs    []ScrubProgress  `json:"scrubs"`
}

// BalanceProgress is a balance that runs or is paused, in chunks.
type BalanceProgress struct {
	Running    bool   `json:"running"`
	Expected   uint64 `json:"expected"`
	Considered uint64 `json:"considered"`
	Completed  uint64 `json:"completed"`
}

// ReplaceProgress is the replacement of a device.
type ReplaceProgress struct {
	State   string  `json:"state"`
	Percent float64 `json:"percent"`
}

// ScrubProgress is the running scrub of one device.
type ScrubProgress struct {
	Device uint64 `json:"device"`
	Bytes  uint64 `json:"bytes"`
	Errors uint64 `json:"errors"`
}

// Quota is the state of quotas. Groups counts them.
type Quota struct {
	Enabled      bool   `json:"enabled"`
	Mode         string `json:"mode"`
	Inconsistent bool   `json:"inconsistent"`
	Groups       int    `json:"groups"`
}

// Tool is a snapshot tool that is there. Subvolumes are what it is set up for.
type Tool struct {
	Name       string   `json:"name"`
	State      string   `json:"state"` // "set up", "installed", "unknown"
	Subvolumes []string `json:"subvolumes"`
	Detail     string   `json:"detail"`
	Evidence   string   `json:"evidence"` // the file that says so
}

// Boot is a boot loader that is there, with its entries for snapshots.
type Boot struct {
	Name      string `json:"name"`
	Entries   *int   `json:"entries"`          // of all kinds; null: unknown
	Snapshots *int   `json:"snapshot_entries"` // null: unknown
	Detail    string `json:"detail"`
	Evidence  string `json:"evidence"`
}

// Explain is a text about one side of what was shown.
type Explain struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
}

// Usage is space in full: what `storage btrfs usage` prints of a file system.
type Usage struct {
	UUID        string       `json:"uuid"`
	Label       string       `json:"label"`
	Level       health.Level `json:"level"`
	Problems    []Problem    `json:"problems"`
	Devices     []Device     `json:"devices"`
	Space       *Space       `json:"space"`
	BlockGroups *BlockGroups `json:"block_groups"`
	Trend       *Trend       `json:"trend"`
	// Balance is whether one is worth its while.
	Balance *BalanceAdvice `json:"balance_advice"`
	SeenBy  string         `json:"seen_by"`
	Missing []Missing      `json:"missing"`
}

// Usages is what `storage btrfs usage` prints.
type Usages struct {
	Filesystems []Usage   `json:"filesystems"`
	Missing     []Missing `json:"missing"`
}

// BlockGroups sums up the block groups; LeastUsed are the emptiest of each type,
// as of the last commit.
type BlockGroups struct {
	Total     int          `json:"total"`
	Empty     int          `json:"empty"`
	LeastUsed []BlockGroup `json:"least_used"`
}

// BlockGroup is one of them. A balance filter vrange=Start..Start+Length picks it.
type BlockGroup struct {
	Start       uint64   `json:"start"`
	Length      uint64   `json:"length_bytes"`
	Used        uint64   `json:"used_bytes"`
	UsedPercent float64  `json:"used_percent"`
	Profile     string   `json:"profile"`
	Devices     []uint64 `json:"devices"`
}

// Trend is how space went. Without enough history Lines is empty and Why says so.
type Trend struct {
	Since   time.Time   `json:"since,omitzero"`
	Samples int         `json:"samples"`
	Lines   []TrendLine `json:"lines"`
	Why     string      `json:"why"`
}

// TrendLine is the course of one figure. Left is null where it does not shrink.
type TrendLine struct {
	Figure  string   `json:"figure"` // "free", "unallocated", "metadata_headroom"
	PerDay  float64  `json:"bytes_per_day"`
	Last    float64  `json:"last_bytes"`
	LeftSec *float64 `json:"seconds_left"`
}
