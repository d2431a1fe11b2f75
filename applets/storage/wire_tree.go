package storage

import (
	"time"
	"unicode/utf8"
)

// SubvolumesItem is an item of stream_subvolumes: some of them, by id, flat.
type SubvolumesItem struct {
	Subvolumes []Node `json:"subvolumes"`
}

// SubvolumesEnd is the result of stream_subvolumes, when all were sent.
type SubvolumesEnd struct {
	UUID    string    `json:"uuid"`
	Default uint64    `json:"default"` // 0: unknown
	Count   int       `json:"count"`   // of those sent
	Missing []Missing `json:"missing"`
}

// Trees is what `storage btrfs tree` prints.
type Trees struct {
	Filesystems []Tree    `json:"filesystems"`
	Missing     []Missing `json:"missing"`
}

// Tree is the hierarchy of one file system, or its ancestry with Lineage.
type Tree struct {
	UUID    string `json:"uuid"`
	Label   string `json:"label"`
	Lineage bool   `json:"lineage"`
	Counts  Counts `json:"counts"`
	// Roots are the topmost nodes: one in a whole hierarchy.
	Roots []*Node `json:"roots"`
	// Pending are subvolumes that are deleted and not freed yet.
	Pending []*Node   `json:"pending_deletion"`
	SeenBy  string    `json:"seen_by"`
	Missing []Missing `json:"missing"`
}

// Node is a subvolume or snapshot. Names are bytes: where they are no UTF-8, the
// field ending in _base64 has them as they are.
type Node struct {
	ID           uint64    `json:"id"`
	Parent       uint64    `json:"parent"` // 0: none
	Path         string    `json:"path"`   // inside the file system; "": unknown
	PathRaw      []byte    `json:"path_base64,omitempty"`
	Name         string    `json:"name"`
	NameRaw      []byte    `json:"name_base64,omitempty"`
	ReadOnly     *bool     `json:"read_only"` // null: the caller may not know
	Snapshot     *bool     `json:"snapshot"`
	Default      *bool     `json:"default"` // null: which one it is is unknown
	State        string    `json:"state"`   // "reachable", "hidden by mount", "unreachable", "pending deletion", "closed", "deleted"
	UUID         string    `json:"uuid"`
	ParentUUID   string    `json:"parent_uuid"`
	ReceivedUUID string    `json:"received_uuid"`
	Generation   uint64    `json:"generation"`
	OTransid     uint64    `json:"created_generation"`
	Created      time.Time `json:"created,omitzero"`
	Received     time.Time `json:"received,omitzero"`
	Reach        []Reach   `json:"reach"`
	Mounts       []Mount   `json:"mounts"`
	HiddenBy     []string  `json:"hidden_by,omitempty"`
	// Referenced and Exclusive come from quotas, where they are on.
	Referenced *uint64 `json:"referenced_bytes"`
	Exclusive  *uint64 `json:"exclusive_bytes"`
	TreeBytes  *uint64 `json:"tree_bytes"` // metadata, shared nodes included
	// Over are deleted subvolumes that stood between this node and the one
	// above it, by UUID; only in a lineage.
	Over     []string `json:"over_deleted,omitempty"`
	Folded   int      `json:"folded,omitempty"` // nodes below that --depth cut
	Children []*Node  `json:"children"`

	isRoot bool // mounted at /
	nested bool // it hangs below a root
}

// Reach is a path that leads to a subvolume.
type Reach struct {
	Path    string `json:"path"`
	PathRaw []byte `json:"path_base64,omitempty"`
}

// raw is the text's bytes where JSON cannot hold them, else nil.
func raw(s string) []byte {
	if utf8.ValidString(s) {
		return nil
	}
	return []byte(s)
}

// restore undoes raw: after a way through JSON the bytes are what counts.
func restore(s *string, raw []byte) {
	if raw != nil {
		*s = string(raw)
	}
}
