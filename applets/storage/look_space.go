package storage

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

func lacksPrivilege(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

func gone(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESTALE) || errors.Is(err, errGone)
}

// lookAtSpace measures the space; nil when it cannot be had.
func lookAtSpace(ctx context.Context, fs *btrfs.FS, g *gaps) *Space {
	s, err := fs.Space(ctx)
	if err != nil {
		g.fail("space", err)
		return nil
	}
	g.add(s.Missing...)
	out := spaceOf(s)
	if _, _, free, err := fs.Statfs(); err == nil {
		out.DFFree = &free
	}
	return out
}

func spaceOf(s *btrfs.Space) *Space {
	out := &Space{
		DeviceBytes: s.DeviceSize, Allocated: s.Allocated, Unallocated: s.Unallocated,
		Reserve: s.GlobalReserve, ReserveUsed: s.ReserveUsed, Exact: s.Exact, Types: []TypeSpace{}, Rooms: []Room{},
	}
	for _, t := range s.Types {
		out.Used += t.Used
		out.Types = append(out.Types, typeOf(t))
	}
	if d := s.Type(btrfs.Data); d != nil {
		out.Free = d.Free()
	}
	if s.Type(btrfs.Metadata) != nil {
		h := s.Headroom
		out.Headroom = &Headroom{Bytes: h.Bytes, Slack: h.Slack, Reserve: h.Reserve, Allocatable: h.Allocatable, Chunks: h.Chunks}
	}
	for _, r := range s.Rooms {
		room := Room{Device: r.Device, Holes: len(r.Holes)}
		for _, hole := range r.Holes {
			room.Bytes += hole
			room.Largest = max(room.Largest, hole)
		}
		out.Rooms = append(out.Rooms, room)
	}
	return out
}

func typeOf(t btrfs.TypeSpace) TypeSpace {
	w := TypeSpace{
		Type: t.Type.TypeName(), Total: t.Total, Used: t.Used, UsedPercent: percent(t.Used, t.Total),
		Free: t.Free(), Slack: t.Slack(), DiskTotal: t.DiskTotal, DiskUsed: t.DiskUsed,
		ReadOnly: t.ReadOnly, Pinned: t.Pinned, Unusable: t.ZoneUnusable,
		Next: t.Next.RaidName(), Could: couldOf(t.Could), Profiles: []ProfileSpace{},
	}
	for _, p := range t.Profiles {
		w.Profiles = append(w.Profiles, ProfileSpace{Profile: p.Profile.RaidName(), Total: p.Total, Used: p.Used, Could: couldOf(p.Could)})
	}
	return w
}

func couldOf(a btrfs.Allocatable) Could {
	return Could{Chunks: a.Chunks, Bytes: a.Bytes, Raw: a.Raw, Stranded: a.Stranded}
}

// percent is rounded to a tenth: more digits would claim more than a moment.
func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(int64(float64(part)/float64(whole)*1000+0.5)) / 10
}

// leastUsed is how many block groups of each type are shown.
const leastUsed = 10

// lookAtUsage measures the space with its block groups.
func lookAtUsage(ctx context.Context, fs *btrfs.FS) Usage {
	out := Usage{UUID: fs.FSID.String(), SeenBy: byClient}
	var g gaps
	forced := false
	if state, err := fs.State(ctx); err == nil {
		g.add(state.Missing...)
		forced = state.Forced
	} else {
		g.fail("state", err)
	}
	if info, err := fs.Info(); err == nil {
		out.Label = info.Label
	} else {
		g.fail("format", err)
	}
	if devices, err := fs.Devices(ctx); err == nil {
		g.add(devices.Missing...)
		out.Devices = devicesOf(devices)
	} else {
		g.fail("devices", err)
	}
	out.Level, out.Problems = judge(forced, out.Devices)
	out.Space = lookAtSpace(ctx, fs, &g)
	groups, err := fs.BlockGroups(ctx)
	if g.fail("block groups", err); err == nil {
		g.add(groups.Missing...)
		out.BlockGroups = blockGroupsOf(groups)
	}
	out.Missing = g.list()
	return out
}

func blockGroupsOf(groups *btrfs.BlockGroups) *BlockGroups {
	out := &BlockGroups{Total: len(groups.List), LeastUsed: []BlockGroup{}}
	for _, b := range groups.List {
		if b.Known && b.Used == 0 {
			out.Empty++
		}
	}
	// Mixed block groups are both; they are listed once.
	types := []btrfs.Profile{btrfs.Data, btrfs.Metadata}
	seen := map[uint64]bool{}
	for _, t := range types {
		for _, b := range groups.LeastUsed(t, leastUsed) {
			if seen[b.Start] {
				continue
			}
			seen[b.Start] = true
			w := BlockGroup{
				Start: b.Start, Length: b.Length, Used: b.Used, UsedPercent: percent(b.Used, b.Length),
				Profile: b.Profile.String(), Devices: []uint64{},
			}
			for _, s := range b.Stripes {
				w.Devices = append(w.Devices, s.Device)
			}
			out.LeastUsed = append(out.LeastUsed, w)
		}
	}
	return out
}
