package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// gaps collects what could not be had.
type gaps []Missing

func (g *gaps) add(more ...btrfs.Missing) {
	for _, m := range more {
		g.say(m.What, m.Why, string(m.Need))
	}
}

func (g *gaps) say(what, why, need string) {
	m := Missing{What: what, Why: why, Need: need}
	if !slices.Contains(*g, m) {
		*g = append(*g, m)
	}
}

func (g *gaps) fail(what string, err error) {
	if err != nil {
		g.say(what, err.Error(), need(err))
	}
}

// need says what would help against an error that the library handed back as
// such rather than as a gap.
func need(err error) string {
	switch {
	case lacksPrivilege(err):
		return string(btrfs.NeedAdmin)
	case gone(err):
		return string(btrfs.NeedMore)
	}
	return string(btrfs.NeedOf(err))
}

// list is what was collected, never nil: JSON has a list in any case.
func (g gaps) list() []Missing { return append([]Missing{}, g...) }

// lookAt asks an open file system everything that show tells, as far as this
// process may know. Each figure that cannot be had is a gap of its own.
func lookAt(ctx context.Context, fs *btrfs.FS) Filesystem {
	out := Filesystem{UUID: fs.FSID.String(), SeenBy: byClient}
	var g gaps
	// The state first: it is what counts when all else fails.
	state, err := fs.State(ctx)
	if g.fail("state", err); err == nil {
		g.add(state.Missing...)
		out.ReadOnly, out.ForcedReadOnly, out.Degraded = state.ReadOnly, state.Forced, state.Degraded
	}
	info, err := fs.Info()
	if g.fail("format", err); err == nil {
		g.add(info.Missing...)
		out.Label, out.Format = info.Label, formatOf(info)
	}
	devices, err := fs.Devices(ctx)
	if g.fail("devices", err); err == nil {
		g.add(devices.Missing...)
		out.Devices = devicesOf(devices)
	}
	out.Space = lookAtSpace(ctx, fs, &g)
	ops, err := fs.Operations(ctx)
	if g.fail("running operations", err); err == nil {
		g.add(ops.Missing...)
		out.Operations = operationsOf(ops)
	}
	quota, err := fs.Quota(ctx)
	if g.fail("quotas", err); err == nil {
		g.add(quota.Missing...)
		out.Quota = &Quota{Enabled: quota.Enabled, Mode: quota.Mode, Inconsistent: quota.Inconsistent, Groups: len(quota.Groups)}
	}
	scan, err := fs.ScanSubvolumes(ctx)
	if g.fail("subvolumes", err); err == nil {
		out.Subvolumes, out.Default = countsOf(scan)
		g.add(scan.Missing...)
	}
	out.Missing = g.list()
	out.judge()
	return out
}

// judge finds what is wrong, the worst first.
func (f *Filesystem) judge() {
	f.Level, f.Problems = judge(f.ForcedReadOnly, f.Devices)
	if f.Devices == nil && f.Level == health.OK {
		f.Level = health.Unknown // nothing answers for the devices
	}
}

func judge(forced bool, devices []Device) (health.Level, []Problem) {
	problems := []Problem{}
	if forced {
		problems = append(problems, Problem{
			ID: "forced_read_only", Level: health.Critical, Text: "the kernel made it read-only because of an error; nothing can be written",
			Fix: "See the cause: sudo journalctl -k -g BTRFS -n 50; save your data, then unmount and mount again",
		})
	}
	var absent []string
	for _, d := range devices {
		if d.Absent {
			absent = append(absent, fmt.Sprint(d.ID))
		}
	}
	if len(absent) > 0 {
		text, it := "device %s is missing", "it"
		if len(absent) > 1 {
			text, it = "devices %s are missing", "them"
		}
		problems = append(problems, Problem{
			ID: "device_missing", Level: health.Critical, Text: fmt.Sprintf(text, strings.Join(absent, ", ")) + "; data may have no second copy left",
			Fix: "Attach " + it + " again, or replace: sudo btrfs replace start " + absent[0] + " NEW_DEVICE MOUNT_POINT",
		})
	}
	for _, d := range devices {
		if d.BlockSize == 0 || d.BlockSize >= d.Size || d.Absent {
			continue
		}
		problems = append(problems, Problem{
			ID: "device_short", Level: health.Critical,
			Text: fmt.Sprintf("%s is %s long, and the file system uses %s of it; what lies behind its end is lost", nameOf(d), size(d.BlockSize), size(d.Size)),
			Fix:  "Give the partition or volume its old size back before anything else; see the cause: sudo journalctl -k -n 50",
		})
	}
	for _, d := range devices {
		if d.Errors == nil || d.Errors.Total == 0 {
			continue
		}
		disk := "DEVICE"
		if d.Path != "" {
			disk = quote(d.Path)
		}
		problems = append(problems, Problem{
			ID: "device_errors", Level: health.Warning,
			Text: fmt.Sprintf("%s: %s since the counts were last reset", nameOf(d), errorText(*d.Errors)),
			Fix:  "Look at cable and disk (sudo smartctl -a " + disk + "), scrub, then reset: sudo btrfs device stats -z MOUNT_POINT",
		})
	}
	level := health.OK
	for _, p := range problems {
		level = health.Worst(level, p.Level)
	}
	return level, problems
}

// at puts the place where the file system is mounted into commands to type.
func at(text string, mounts []Mount) string {
	if points := visible(mounts); len(points) > 0 {
		return strings.ReplaceAll(text, "MOUNT_POINT", points[0])
	}
	return text
}

func place(problems []Problem, mounts []Mount) {
	for i := range problems {
		problems[i].Fix = at(problems[i].Fix, mounts)
	}
}

func nameOf(d Device) string {
	if d.Path != "" {
		return d.Path
	}
	return fmt.Sprintf("device %d", d.ID)
}

// errorText names the errors there are.
func errorText(e DeviceErrors) string {
	var parts []string
	for _, k := range []struct {
		n    uint64
		name string
	}{{e.Corruption, "corruption"}, {e.Read, "read"}, {e.Write, "write"}, {e.Flush, "flush"}, {e.Generation, "generation"}} {
		if k.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", k.n, k.name))
		}
	}
	word := " errors"
	if e.Total == 1 {
		word = " error"
	}
	return strings.Join(parts, ", ") + word
}

func formatOf(i btrfs.Info) *Format {
	return &Format{
		NodeSize: i.NodeSize, SectorSize: i.SectorSize, Checksum: i.Checksum, Generation: i.Generation,
		MetadataUUID: i.MetadataUUID.String(), TempUUID: i.TempFSID, Features: append([]string{}, i.Features...),
	}
}

func devicesOf(devices *btrfs.Devices) []Device {
	out := []Device{}
	for _, d := range devices.List {
		w := Device{
			ID: d.ID, UUID: d.UUID.String(), Path: d.Path, Size: d.Size, BlockSize: d.BlockSize,
			Allocated: d.Allocated, Unallocated: d.Unallocated(),
			Absent: d.Absent, Seed: d.Seed, Replacing: d.Replacing, Writable: d.Writable,
		}
		if e := d.Errors; e != nil {
			w.Errors = &DeviceErrors{Write: e.Write, Read: e.Read, Flush: e.Flush, Corruption: e.Corruption, Generation: e.Generation, Total: e.Total()}
		}
		out = append(out, w)
	}
	return out
}

func operationsOf(o *btrfs.Operations) *Operations {
	w := &Operations{Exclusive: o.Exclusive, Running: o.Running(), Scrubs: []ScrubProgress{}}
	if b := o.Balance; b != nil {
		w.Balance = &BalanceProgress{Running: b.Running, Expected: b.Expected, Considered: b.Considered, Completed: b.Completed}
	}
	if r := o.Replace; r != nil {
		w.Replace = &ReplaceProgress{State: r.State, Percent: float64(r.Permille) / 10}
	}
	for _, s := range o.Scrubs {
		w.Scrubs = append(w.Scrubs, ScrubProgress{Device: s.Device, Bytes: s.DataBytes + s.TreeBytes, Errors: s.Errors()})
	}
	return w
}

// countsOf counts subvolumes and finds the default one, nil when unknown.
func countsOf(scan *btrfs.SubvolumeScan) (*Counts, *Default) {
	c := &Counts{Complete: !scan.Walked}
	var d *Default
	if scan.Default != 0 {
		d = &Default{ID: scan.Default}
	}
	for v := range scan.All() {
		if d != nil && v.ID == d.ID {
			d.Path = v.Path
		}
		if v.Deleted {
			c.Pending++
			continue
		}
		c.Total++
		if v.ReadOnly {
			c.ReadOnly++
		}
		if v.Snapshot() {
			c.Snapshots++
			if !v.Created.IsZero() && (c.Oldest.IsZero() || v.Created.Before(c.Oldest)) {
				c.Oldest = v.Created
			}
			if v.Created.After(c.Newest) {
				c.Newest = v.Created
			}
		}
	}
	return c, d
}

// mountsOf are a file system's mounts, in the kernel's order.
func mountsOf(mounts, all []btrfs.Mount) []Mount {
	out := []Mount{}
	for _, m := range mounts {
		out = append(out, mountOf(m, all))
	}
	return out
}

func mountOf(m btrfs.Mount, all []btrfs.Mount) Mount {
	w := Mount{
		Point: m.Point, PointRaw: raw(m.Point), Root: m.Root, RootRaw: raw(m.Root), Subvolume: m.Subvolume,
		ReadOnly: m.ReadOnly(), Options: optionsOf(m),
	}
	if m.HiddenBy != 0 {
		w.HiddenBy = "another mount"
		if i := slices.IndexFunc(all, func(o btrfs.Mount) bool { return o.ID == m.HiddenBy }); i >= 0 {
			w.HiddenBy = all[i].Type + " at " + all[i].Point
		}
	}
	return w
}

// optionsOf are the mount's own options and the file system's, each once; which
// subvolume it is stands elsewhere.
func optionsOf(m btrfs.Mount) []string {
	out := []string{}
	for _, o := range slices.Concat(m.Options, m.Super) {
		if !strings.HasPrefix(o, "subvol") && !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

func compressionOf(mounts []btrfs.Mount) []string {
	out := []string{}
	for _, m := range mounts {
		if c := m.Compression(); c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// errGone is the error of a file system that was there a moment ago.
var errGone = errors.New("it is not mounted any more")
