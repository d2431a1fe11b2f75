package btrfs

import (
	"context"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sys/unix"
)

// Space is the answer to [FS.Space].
type Space struct {
	Types []TypeSpace // data, metadata (or mixed), system
	// GlobalReserve is metadata set aside for the file system's own needs,
	// such as deleting when full; ReserveUsed is what is used up of it.
	GlobalReserve, ReserveUsed uint64
	// DeviceSize, Allocated and Unallocated are raw bytes over all devices
	// that are present and writable.
	DeviceSize, Allocated, Unallocated uint64
	// Rooms is the unallocated space of each writable device, as ranges
	// that can take chunks. Exact says that the ranges are measured;
	// without CAP_SYS_ADMIN each device is taken for one range.
	Rooms    []Room
	Exact    bool
	Headroom Headroom
	Missing  []Missing
}

// TypeSpace is the space of one type: data, metadata, system or mixed.
type TypeSpace struct {
	Type     Profile
	Profiles []ProfileSpace
	Total    uint64 // logical, in chunks
	Used     uint64
	// What is neither used nor free, from sysfs.
	Reserved, MayUse, Pinned, ReadOnly, ZoneUnusable uint64
	DiskTotal, DiskUsed                              uint64 // raw
	ChunkSize                                        uint64 // the largest chunk; 0 when unknown
	// Next is the profile that the next chunk gets, and Could what it may
	// still get, if no other type takes it.
	Next  Profile
	Could Allocatable
}

// Slack is what chunks that exist can still take: their size without what is
// used, read-only or lost to zones. Bytes pinned come back with the next commit.
func (t TypeSpace) Slack() uint64 {
	return sub(sub(sub(t.Total, t.Used), t.ReadOnly), t.ZoneUnusable)
}

// Free is what can still be written: Slack and what could be allocated.
func (t TypeSpace) Free() uint64 { return t.Slack() + t.Could.Bytes }

// ProfileSpace is the space of one type in one profile.
type ProfileSpace struct {
	Profile     Profile
	Total, Used uint64
	Could       Allocatable // what this profile could still get
}

// Headroom is how much more metadata can be written before ENOSPC:
// Total - Used - Reserve + Allocatable, without what cannot be written to. The
// share of metadata in use says little: 80 % of one chunk with much unallocated
// is nothing, 2 % with nothing unallocated is an emergency.
type Headroom struct {
	Bytes       int64 // below zero when the reserve no longer fits
	Slack       uint64
	Reserve     uint64
	Allocatable uint64
	Chunks      int // chunks that could be allocated
}

// Type finds a type; mixed answers for data and for metadata. Nil if unknown.
func (s *Space) Type(t Profile) *TypeSpace {
	i := slices.IndexFunc(s.Types, func(ts TypeSpace) bool { return ts.Type&t != 0 })
	if i < 0 {
		return nil
	}
	return &s.Types[i]
}

// Space measures the space. Everything but the holes on devices is open to
// everybody.
func (fs *FS) Space(ctx context.Context) (*Space, error) {
	s := &Space{}
	entries, err := spaceInfo(fs.kernel)
	if err != nil {
		return nil, fmt.Errorf("cannot read space of %s: %w", fs.Path, err)
	}
	for _, e := range entries {
		s.add(e)
	}
	for i := range s.Types {
		fs.readAllocation(s, &s.Types[i])
	}
	slices.SortFunc(s.Types, func(a, b TypeSpace) int { return typeOrder(a.Type) - typeOrder(b.Type) })
	s.readReserve(fs)
	devices, err := fs.Devices(ctx)
	if err != nil {
		addMissing(&s.Missing, missing("devices, and what can still be allocated", err))
		return s, nil
	}
	addMissing(&s.Missing, devices.Missing...)
	fs.rooms(ctx, s, devices)
	s.simulate(fs)
	return s, nil
}

func typeOrder(p Profile) int {
	switch {
	case p&Data != 0:
		return 0
	case p&Metadata != 0:
		return 1
	}
	return 2
}

// spaceEntry is struct btrfs_ioctl_space_info.
type spaceEntry struct {
	profile     Profile
	total, used uint64
}

// maxSpaceEntries is more than all types in all profiles.
const maxSpaceEntries = 256

// spaceInfo is SPACE_INFO: asked once for the number of entries, then for
// them. A chunk of a new profile may be made in between: ask for some more.
func spaceInfo(k Kernel) ([]spaceEntry, error) {
	var head [lenSpaceInfoHead]byte
	if err := k.Ioctl(iocSpaceInfo, head[:]); err != nil {
		return nil, err
	}
	n := min(ne.Uint64(head[8:]), maxSpaceEntries) + 4
	a := make([]byte, lenSpaceInfoHead+n*lenSpaceInfo)
	ne.PutUint64(a[0:], n)
	if err := k.Ioctl(iocSpaceInfo, a); err != nil {
		return nil, err
	}
	var list []spaceEntry
	for i := range min(ne.Uint64(a[8:]), n) {
		e := a[lenSpaceInfoHead+i*lenSpaceInfo:]
		list = append(list, spaceEntry{Profile(ne.Uint64(e)), ne.Uint64(e[8:]), ne.Uint64(e[16:])})
	}
	return list, nil
}

func (s *Space) add(e spaceEntry) {
	if e.profile&globalReserve != 0 {
		s.GlobalReserve, s.ReserveUsed = e.total, e.used
		return
	}
	kind := e.profile.Type()
	i := slices.IndexFunc(s.Types, func(t TypeSpace) bool { return t.Type == kind })
	if i < 0 {
		i = len(s.Types)
		s.Types = append(s.Types, TypeSpace{Type: kind})
	}
	t := &s.Types[i]
	t.Total += e.total
	t.Used += e.used
	copies := uint64(e.profile.Copies())
	t.DiskTotal += mul(e.total, copies)
	t.DiskUsed += mul(e.used, copies)
	p := kind | e.profile.Raid()
	// Zoned file systems report sub-groups of a type under the same flags.
	if j := slices.IndexFunc(t.Profiles, func(ps ProfileSpace) bool { return ps.Profile == p }); j >= 0 {
		t.Profiles[j].Total += e.total
		t.Profiles[j].Used += e.used
		return
	}
	t.Profiles = append(t.Profiles, ProfileSpace{Profile: p, Total: e.total, Used: e.used})
}

// readAllocation adds what only /sys/fs/btrfs/<fsid>/allocation knows.
func (fs *FS) readAllocation(s *Space, t *TypeSpace) {
	dir := fs.sys + "/allocation/" + sysDir(t.Type.TypeName())
	for name, to := range map[string]*uint64{
		"bytes_reserved": &t.Reserved, "bytes_may_use": &t.MayUse, "bytes_pinned": &t.Pinned,
		"bytes_readonly": &t.ReadOnly, "disk_total": &t.DiskTotal, "disk_used": &t.DiskUsed,
	} {
		if n, err := dir.number(name); err == nil {
			*to = n
		} else {
			addMissing(&s.Missing, missing("reserved, pinned and read-only "+t.Type.TypeName(), err))
		}
	}
	// Linux 5.16 and 6.0; without them there are no zones, and the default size.
	t.ZoneUnusable, _ = dir.number("bytes_zone_unusable")
	t.ChunkSize, _ = dir.number("chunk_size")
}

// readReserve prefers sysfs for what is used: the ioctl reports the size alone
// as total, and what is missing of it as used.
func (s *Space) readReserve(fs *FS) {
	dir := fs.sys + "/allocation"
	size, err := dir.number("global_rsv_size")
	if err != nil {
		return
	}
	reserved, err := dir.number("global_rsv_reserved")
	if err == nil {
		s.GlobalReserve, s.ReserveUsed = size, sub(size, reserved)
	}
}

// simulate runs the allocator for every profile there is.
func (s *Space) simulate(fs *FS) {
	for i := range s.Types {
		t := &s.Types[i]
		a := Allocator{Rooms: s.Rooms, ChunkSize: t.ChunkSize, Writable: s.DeviceSize, NodeSize: fs.info.NodeSize}
		have := Profile(0)
		for j := range t.Profiles {
			t.Profiles[j].Could = a.Fill(t.Profiles[j].Profile)
			have |= t.Profiles[j].Profile
		}
		t.Next = reduce(have, len(s.Rooms))
		t.Could = a.Fill(t.Next)
	}
	if m := s.Type(Metadata); m != nil {
		h := Headroom{Slack: m.Slack(), Reserve: s.GlobalReserve, Allocatable: m.Could.Bytes, Chunks: m.Could.Chunks}
		h.Bytes = int64(min(h.Slack+h.Allocatable, math.MaxInt64)) - int64(min(h.Reserve, math.MaxInt64))
		s.Headroom = h
	}
}

// Statfs is what df shows, for comparison.
func (fs *FS) Statfs() (total, free, available uint64, err error) {
	var st unix.Statfs_t
	if fs.file == nil {
		return 0, 0, 0, fmt.Errorf("cannot statfs %s: no open file", fs.Path)
	}
	if err := unix.Fstatfs(int(fs.file.Fd()), &st); err != nil {
		return 0, 0, 0, fmt.Errorf("cannot statfs %s: %w", fs.Path, err)
	}
	size := uint64(st.Bsize)
	return st.Blocks * size, st.Bfree * size, st.Bavail * size, nil
}
