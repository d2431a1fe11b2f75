package btrfs

import (
	"context"
	"slices"
	"time"
)

// A Subvolume is a subvolume or snapshot with all that is known of it.
type Subvolume struct {
	ID       uint64
	Parent   uint64 // the subvolume that holds it; 0 for the top and for deleted ones
	Dir      uint64 // the directory in Parent that holds its entry
	Name     string
	Path     string // inside the file system, from its top: "/" for the top itself; "" when unknown
	ReadOnly bool
	Default  bool // mounted when no subvolume is asked for

	UUID         UUID
	ParentUUID   UUID // of what it is a snapshot of
	ReceivedUUID UUID // of what was sent, elsewhere

	// Generation is of the last change to the tree; for a snapshot it says
	// nothing about when it was taken: that is OTransid.
	Generation, OTransid, CTransid uint64
	STransid, RTransid             uint64
	Created, Changed               time.Time // zero when unknown
	Sent, Received                 time.Time
	// TreeBytes is the size of its metadata nodes, shared ones included.
	TreeBytes uint64

	Deleted bool // pending deletion: the cleaner has still to free it

	// Reach are the paths that lead to it now, the shortest first.
	Reach []Reach
	// Mounts are the mounts whose root is this subvolume itself, hidden
	// ones included.
	Mounts []Mount
	// HiddenBy are mounts that cover it where it would be found. A
	// subvolume with neither Reach nor HiddenBy is unreachable: no mount
	// shows the part of the file system where it lies.
	HiddenBy []Mount
}

// A Reach is a path that leads to a subvolume, through a mount.
type Reach struct {
	Path  string
	Mount int // id in mountinfo
}

// Snapshot says whether it was made as a snapshot of something.
func (s *Subvolume) Snapshot() bool { return s.ParentUUID != UUID{} }

// Reachability is how a subvolume can be got at.
type Reachability string

// The ways.
const (
	Reachable   Reachability = "reachable"
	Hidden      Reachability = "hidden by mount"
	Unreachable Reachability = "unreachable"
	Pending     Reachability = "pending deletion"
)

// Reachability sums up Reach, HiddenBy and Deleted.
func (s *Subvolume) Reachability() Reachability {
	switch {
	case s.Deleted:
		return Pending
	case len(s.Reach) > 0:
		return Reachable
	case len(s.HiddenBy) > 0:
		return Hidden
	}
	return Unreachable
}

// Subvolumes is the answer to FS.Subvolumes.
type Subvolumes struct {
	List []Subvolume // by id
	// Default is the id of the default subvolume, 0 when unknown.
	Default uint64
	// Walked says that the open ioctls were used, one subvolume at a time:
	// only what the caller can reach is in List.
	Walked  bool
	Calls   int // searches, or ioctls of the walk
	Missing []Missing
}

// Find looks a subvolume up by id; nil if it is not there.
func (s *Subvolumes) Find(id uint64) *Subvolume {
	i, ok := slices.BinarySearchFunc(s.List, id, func(v Subvolume, id uint64) int {
		switch {
		case v.ID < id:
			return -1
		case v.ID > id:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &s.List[i]
}

// Subvolumes reads every subvolume with every attribute: with CAP_SYS_ADMIN
// from the root tree, in a few calls; without it by walking from the file
// system's mounts with the ioctls that are open to everybody (Linux 4.18), as
// far as the caller may look.
func (fs *FS) Subvolumes(ctx context.Context) (*Subvolumes, error) {
	scan, err := fs.ScanSubvolumes(ctx)
	if err != nil {
		return nil, err
	}
	list := &Subvolumes{List: make([]Subvolume, 0, scan.Len()), Default: scan.Default, Walked: scan.Walked, Calls: scan.Calls}
	for v := range scan.All() {
		list.List = append(list.List, *v)
	}
	list.Missing = scan.Missing
	return list, nil
}
