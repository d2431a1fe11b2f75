package btrfs

import (
	"fmt"
	"strings"
)

// A Profile is the type of a block group and how it lies on devices, as the
// kernel's BTRFS_BLOCK_GROUP_* flags.
type Profile uint64

// Types, replication profiles, and the reserve that SPACE_INFO reports as if
// it were one.
const (
	Data     Profile = 1 << 0
	System   Profile = 1 << 1
	Metadata Profile = 1 << 2
	RAID0    Profile = 1 << 3
	RAID1    Profile = 1 << 4
	DUP      Profile = 1 << 5
	RAID10   Profile = 1 << 6
	RAID5    Profile = 1 << 7
	RAID6    Profile = 1 << 8
	RAID1C3  Profile = 1 << 9
	RAID1C4  Profile = 1 << 10
	Single   Profile = 0

	typeMask      = Data | System | Metadata
	raidMask      = RAID0 | RAID1 | DUP | RAID10 | RAID5 | RAID6 | RAID1C3 | RAID1C4
	availSingle   = Profile(1 << 48) // BTRFS_AVAIL_ALLOC_BIT_SINGLE, in sysfs and balance only
	globalReserve = Profile(1 << 49) // BTRFS_SPACE_INFO_GLOBAL_RSV
)

// placement is how the kernel's allocator places a profile on devices
// (fs/btrfs/volumes.c, btrfs_raid_array).
type placement struct {
	profile                    Profile
	name                       string
	devStripes                 uint64 // stripes on each device
	devMin, devMax, devStep    int    // devMax 0: as many as there are
	copies, parity, tolerating uint64
}

var placements = []placement{
	{RAID10, "raid10", 1, 2, 0, 2, 2, 0, 1},
	{RAID1, "raid1", 1, 2, 2, 2, 2, 0, 1},
	{RAID1C3, "raid1c3", 1, 3, 3, 3, 3, 0, 2},
	{RAID1C4, "raid1c4", 1, 4, 4, 4, 4, 0, 3},
	{DUP, "dup", 2, 1, 1, 1, 2, 0, 0},
	{RAID0, "raid0", 1, 1, 0, 1, 1, 0, 0},
	{Single, "single", 1, 1, 1, 1, 1, 0, 0},
	{RAID5, "raid5", 1, 2, 0, 1, 1, 1, 1},
	{RAID6, "raid6", 1, 3, 0, 1, 1, 2, 2},
}

func (p Profile) placement() (placement, bool) {
	for _, l := range placements {
		if l.profile == p&raidMask {
			return l, true
		}
	}
	return placement{}, false
}

// Type is the type alone: Data, Metadata, System, or Data|Metadata in mixed
// file systems.
func (p Profile) Type() Profile { return p & typeMask }

// Raid is the replication profile alone.
func (p Profile) Raid() Profile { return p & raidMask }

// Copies is how often each byte is stored; 1 for raid5 and raid6, which store
// parity instead.
func (p Profile) Copies() int {
	l, _ := p.placement()
	return int(max(l.copies, 1))
}

// Tolerates is how many devices may be lost.
func (p Profile) Tolerates() int {
	l, _ := p.placement()
	return int(l.tolerating)
}

// TypeName is "data", "metadata", "system" or "mixed".
func (p Profile) TypeName() string {
	switch p.Type() {
	case Data:
		return "data"
	case Metadata:
		return "metadata"
	case System:
		return "system"
	case Data | Metadata:
		return "mixed"
	}
	return fmt.Sprintf("type-%#x", uint64(p.Type()))
}

// RaidName is "single", "dup", "raid1" and so on.
func (p Profile) RaidName() string {
	if l, ok := p.placement(); ok {
		return l.name
	}
	return fmt.Sprintf("profile-%#x", uint64(p.Raid()))
}

// String is "data,single", or "single" where there is no type.
func (p Profile) String() string {
	if p.Type() == 0 {
		return p.RaidName()
	}
	return p.TypeName() + "," + p.RaidName()
}

// MarshalText implements encoding.TextMarshaler.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what String writes.
func (p *Profile) UnmarshalText(text []byte) error {
	kind, raid, both := strings.Cut(string(text), ",")
	if !both {
		kind, raid = "", kind
	}
	types := map[string]Profile{"": 0, "data": Data, "metadata": Metadata, "system": System, "mixed": Data | Metadata}
	t, known := types[kind]
	if known {
		for _, l := range placements {
			if l.name == raid {
				*p = t | l.profile
				return nil
			}
		}
	}
	return fmt.Errorf("cannot read profile %.40q: want type,profile", text)
}
