package storage

import (
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
)

// DiffParams name the two subvolumes of stream_diff by their ids.
type DiffParams struct {
	UUID   string `json:"uuid"` // of the file system
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Engine string `json:"engine,omitempty"` // "" and "auto": the daemon chooses
}

// DiffItem is an item of stream_diff: some changes, in no order that means
// anything, or none where it only says how far it is.
type DiffItem struct {
	Changes  []DiffSent   `json:"changes,omitempty"`
	Progress DiffProgress `json:"progress"`
}

// DiffProgress is how far a comparison got.
type DiffProgress struct {
	Waiting bool   `json:"waiting,omitempty"` // for another comparison to end
	Engine  string `json:"engine,omitempty"`
	Changes int    `json:"changes"`
}

// DiffSent is a change with what only sums need: a hard link counts once.
type DiffSent struct {
	DiffChange
	Inode      uint64 `json:"inode"`
	LinkBefore bool   `json:"link_before,omitempty"`
	LinkAfter  bool   `json:"link_after,omitempty"`
}

// DiffRoot is a side as the daemon knows it: without path, for which there is
// stream_subvolumes.
type DiffRoot struct {
	ID         uint64 `json:"id"`
	UUID       string `json:"uuid"`
	Generation uint64 `json:"generation"`
	ReadOnly   bool   `json:"ro"`
}

// DiffEnd is the result of stream_diff, when all changes were sent.
type DiffEnd struct {
	From     DiffRoot    `json:"from"`
	To       DiffRoot    `json:"to"`
	Engine   string      `json:"engine"`
	Related  bool        `json:"related"`
	Changing bool        `json:"changing"` // a side was written to meanwhile
	Notes    []string    `json:"notes"`
	Summary  DiffSummary `json:"summary"`
	Count    int         `json:"count"` // of the changes sent
}

func diffSentOf(c *diff.Change) DiffSent {
	return DiffSent{DiffChange: diffChangeOf(c), Inode: c.Inode, LinkBefore: c.LinkBefore, LinkAfter: c.LinkAfter}
}

func (s *DiffSent) change() diff.Change {
	c := diff.Change{
		Kind: diff.Kind(s.Kind), Path: s.Path, FromPath: s.FromPath, Type: diff.Type(s.Type), FromType: diff.Type(s.FromType),
		Inode: s.Inode, SizeBefore: s.SizeBefore, SizeAfter: s.SizeAfter, AllocatedBefore: s.AllocatedBefore, AllocatedAfter: s.AllocatedAfter,
		Attributes: s.Attributes, Content: diff.Content(s.Content), LinkBefore: s.LinkBefore, LinkAfter: s.LinkAfter,
	}
	restore(&c.Path, s.PathRaw)
	restore(&c.FromPath, s.FromPathRaw)
	return c
}

func diffRootOf(s diff.Side) DiffRoot {
	return DiffRoot{ID: s.ID, UUID: s.UUID.String(), Generation: s.Generation, ReadOnly: s.ReadOnly}
}

func (r DiffRoot) side() (diff.Side, error) {
	s := diff.Side{ID: r.ID, Generation: r.Generation, ReadOnly: r.ReadOnly}
	if r.UUID == "" { // the top of an old file system has none
		return s, nil
	}
	var err error
	s.UUID, err = btrfs.ParseUUID(r.UUID)
	return s, err
}

func diffEndOf(r *diff.Report, count int) DiffEnd {
	return DiffEnd{
		From: diffRootOf(r.From), To: diffRootOf(r.To), Engine: string(r.Engine), Related: r.Related, Changing: r.Changing,
		Notes: append([]string{}, r.Notes...), Summary: diffSummaryOf(r.Summary), Count: count,
	}
}

// report is what diff.Run would have returned here.
func (e *DiffEnd) report() (*diff.Report, error) {
	from, err := e.From.side()
	if err != nil {
		return nil, fmt.Errorf("side %d: %w", e.From.ID, err)
	}
	to, err := e.To.side()
	if err != nil {
		return nil, fmt.Errorf("side %d: %w", e.To.ID, err)
	}
	s := e.Summary
	return &diff.Report{
		From: from, To: to, Engine: diff.Engine(e.Engine), Related: e.Related, Changing: e.Changing, Notes: e.Notes,
		Summary: diff.Summary{
			Counts: map[diff.Kind]int{
				diff.Added: s.Added, diff.Removed: s.Removed, diff.Modified: s.Modified, diff.Replaced: s.Replaced,
				diff.Renamed: s.Renamed, diff.TypeChanged: s.TypeChanged, diff.Metadata: s.Metadata, diff.Identical: s.Identical,
			},
			SizeDelta: s.SizeDelta, AllocatedDelta: s.AllocatedDelta,
		},
	}, nil
}
