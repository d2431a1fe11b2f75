package storage

import (
	"cmp"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
)

// DiffSide is one of the two subvolumes of a comparison.
type DiffSide struct {
	ID         uint64 `json:"id"`
	Path       string `json:"path"` // inside the file system
	PathRaw    []byte `json:"path_b64,omitempty"`
	UUID       string `json:"uuid"`
	Generation uint64 `json:"generation"`
	ReadOnly   bool   `json:"ro"`
}

// DiffSummary counts all changes, also those that a filter left out.
type DiffSummary struct {
	Added          int   `json:"added"`
	Removed        int   `json:"removed"`
	Modified       int   `json:"modified"`
	Replaced       int   `json:"replaced"`
	Renamed        int   `json:"renamed"`
	TypeChanged    int   `json:"type_changed"`
	Metadata       int   `json:"metadata"`
	Identical      int   `json:"identical"`
	SizeDelta      int64 `json:"size_delta_bytes"`
	AllocatedDelta int64 `json:"allocated_delta_bytes"`
}

// DiffReport is a comparison apart from its changes: what follows them in the
// object of --json, and the last line of --stream.
type DiffReport struct {
	From     DiffSide    `json:"from"`
	To       DiffSide    `json:"to"`
	Engine   string      `json:"engine"`
	Related  bool        `json:"related"`
	Complete bool        `json:"complete"` // false: it broke off, or a side changed meanwhile
	Notes    []string    `json:"notes"`
	Summary  DiffSummary `json:"summary"`
}

// DiffChange is one difference. Names are bytes: where they are no UTF-8, the
// field ending in _b64 has them as they are.
type DiffChange struct {
	Kind            string   `json:"kind"`
	Path            string   `json:"path"`
	PathRaw         []byte   `json:"path_b64,omitempty"`
	FromPath        string   `json:"from_path,omitempty"`
	FromPathRaw     []byte   `json:"from_path_b64,omitempty"`
	Type            string   `json:"type"`
	FromType        string   `json:"from_type,omitempty"`
	SizeBefore      uint64   `json:"size_before"`
	SizeAfter       uint64   `json:"size_after"`
	AllocatedBefore uint64   `json:"allocated_before"`
	AllocatedAfter  uint64   `json:"allocated_after"`
	Attributes      []string `json:"attributes"`
	Content         string   `json:"content,omitempty"`
}

func diffChangeOf(c *diff.Change) DiffChange {
	out := DiffChange{
		Kind: string(c.Kind), Path: c.Path, PathRaw: raw(c.Path), FromPath: c.FromPath, FromPathRaw: raw(c.FromPath),
		Type: string(c.Type), FromType: string(c.FromType), SizeBefore: c.SizeBefore, SizeAfter: c.SizeAfter,
		AllocatedBefore: c.AllocatedBefore, AllocatedAfter: c.AllocatedAfter, Attributes: c.Attributes, Content: string(c.Content),
	}
	if out.Attributes == nil {
		out.Attributes = []string{}
	}
	return out
}

func diffSideOf(s diff.Side, subs *btrfs.Subvolumes) DiffSide {
	out := DiffSide{ID: s.ID, UUID: s.UUID.String(), Generation: s.Generation, ReadOnly: s.ReadOnly}
	if v := subs.Find(s.ID); v != nil {
		out.Path, out.PathRaw = v.Path, raw(v.Path)
	}
	return out
}

func diffReportOf(r *diff.Report, subs *btrfs.Subvolumes) DiffReport {
	return DiffReport{
		From: diffSideOf(r.From, subs), To: diffSideOf(r.To, subs), Engine: cmp.Or(string(r.Engine), "none"),
		Related: r.Related, Complete: !r.Changing, Notes: append([]string{}, r.Notes...), Summary: diffSummaryOf(r.Summary),
	}
}

func diffSummaryOf(s diff.Summary) DiffSummary {
	n := s.Counts
	return DiffSummary{
		Added: n[diff.Added], Removed: n[diff.Removed], Modified: n[diff.Modified], Replaced: n[diff.Replaced],
		Renamed: n[diff.Renamed], TypeChanged: n[diff.TypeChanged], Metadata: n[diff.Metadata], Identical: n[diff.Identical],
		SizeDelta: s.SizeDelta, AllocatedDelta: s.AllocatedDelta,
	}
}
