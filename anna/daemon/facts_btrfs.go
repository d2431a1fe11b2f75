package daemon

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// btrfs takes over what the module saw since.
func (c *collector) btrfs(ctx context.Context, now time.Time) {
	f := c.d.mods.btrfsLook()
	switch {
	case f == nil:
		c.put("btrfs", facts.NoBranch(switchedOff("btrfs")), now)
		return
	case f.why != "":
		c.put("btrfs", facts.NoBranch(f.why), now)
		return
	case f.at.Equal(c.read["btrfs"]):
		return
	}
	b := facts.NewBranch()
	for _, seen := range f.list {
		if !facts.Str(seen.path).Known() {
			continue
		}
		c.fileSystem(ctx, b.Add(seen.path), seen, now)
	}
	c.put("btrfs", b, now)
	c.read["btrfs"] = f.at
}

// fileSystem writes down what was seen of one.
func (c *collector) fileSystem(ctx context.Context, o *facts.Object, seen btrfsSeen, now time.Time) {
	if seen.closed != "" {
		for _, row := range facts.Of("btrfs") {
			o.Set(row.Name, facts.Unknown(seen.closed))
		}
		o.Set("btrfs.path", facts.Str(seen.path))
		o.Set("btrfs.system", facts.Flag(seen.system))
		o.Set("btrfs.label", facts.Str(seen.label))
		return
	}
	o.Set("btrfs.path", facts.Str(seen.path))
	o.Set("btrfs.system", facts.Flag(seen.system))
	o.Set("btrfs.id", facts.Str(seen.id))
	o.Set("btrfs.label", facts.Str(seen.label))
	if seen.space != nil {
		spaceFacts(o, seen.space)
	}
	c.stateFacts(o, seen)
	operation := facts.Str(seen.operation)
	switch {
	case seen.errors["operation"] != "":
		operation = facts.Unknown(seen.errors["operation"])
	case seen.operation == "":
		operation = facts.Unknown("the kernel does not say (Linux 5.10)")
	case seen.operation == "none":
		operation = facts.Str("")
	}
	o.Set("btrfs.operation", operation)
	c.scrubFacts(ctx, o, seen.id, now)
	subvolumeFacts(o, seen.counted, now)
	quotaFacts(o, seen.counted)
}

func spaceFacts(o *facts.Object, s *btrfs.Space) {
	sized := len(s.Rooms) > 0 || s.DeviceSize > 0
	if sized {
		o.Set("btrfs.size_bytes", facts.Num(s.DeviceSize))
		o.Set("btrfs.allocated_bytes", facts.Num(s.Allocated))
		o.Set("btrfs.unallocated_bytes", facts.Num(s.Unallocated))
	} else {
		for _, name := range []string{"size_bytes", "allocated_bytes", "unallocated_bytes"} {
			o.Set("btrfs."+name, facts.Unknown("no device that can be written answered"))
		}
	}
	mixed := false
	profiles := func(t *btrfs.TypeSpace) facts.Value {
		list := []string{}
		for _, p := range t.Profiles {
			list = append(list, p.Profile.RaidName())
		}
		mixed = mixed || len(list) > 1
		return facts.Strs(list)
	}
	if d := s.Type(btrfs.Data); d != nil {
		o.Set("btrfs.data_total_bytes", facts.Num(d.Total))
		o.Set("btrfs.data_used_bytes", facts.Num(d.Used))
		if sized {
			o.Set("btrfs.data_free_bytes", facts.Num(d.Free()))
		}
		o.Set("btrfs.data_profiles", profiles(d))
	}
	if m := s.Type(btrfs.Metadata); m != nil {
		o.Set("btrfs.metadata_total_bytes", facts.Num(m.Total))
		if m.Total > 0 {
			o.Set("btrfs.metadata_used_percent", facts.Num(100*float64(m.Used)/float64(m.Total)))
		}
		if sized {
			o.Set("btrfs.headroom_bytes", facts.Num(s.Headroom.Bytes))
		}
		o.Set("btrfs.metadata_profiles", profiles(m))
	}
	if sys := s.Type(btrfs.System); sys != nil {
		profiles(sys)
	}
	o.Set("btrfs.mixed_profiles", facts.Flag(mixed))
}

func (c *collector) stateFacts(o *facts.Object, seen btrfsSeen) {
	if why := seen.errors["devices"]; why != "" {
		o.Set("btrfs.devices", facts.Unknown(why))
	} else {
		o.Set("btrfs.devices", facts.Num(seen.devices))
	}
	s := seen.state
	if s == nil {
		why := facts.Unknown(seen.errors["state"])
		for _, row := range []string{"read_only", "forced_read_only", "degraded", "devices_missing", "device_errors"} {
			o.Set("btrfs."+row, why)
		}
		return
	}
	lacks := func(what string) string {
		for _, m := range s.Missing {
			if m.What == what {
				return m.Why
			}
		}
		return ""
	}
	flag := func(name string, v bool, what string) {
		if why := lacks(what); why != "" {
			o.Set(name, facts.Unknown(why))
			return
		}
		o.Set(name, facts.Flag(v))
	}
	flag("btrfs.read_only", s.ReadOnly, "whether it is read-only")
	flag("btrfs.forced_read_only", s.Forced, "whether it was forced read-only")
	flag("btrfs.degraded", s.Degraded, "devices")
	if why := lacks("devices"); why != "" {
		o.Set("btrfs.devices_missing", facts.Unknown(why))
		o.Set("btrfs.device_errors", facts.Unknown(why))
		return
	}
	o.Set("btrfs.devices_missing", facts.Num(len(s.Absent)))
	o.Set("btrfs.device_errors", facts.Num(s.DeviceErrors))
	c.points = append(c.points, telemetry.Point{Series: btrfsErrorSeries(seen.id), Value: float64(s.DeviceErrors)})
}

// btrfsErrorSeries is the series of the device errors of a file system.
func btrfsErrorSeries(uuid string) string { return "btrfs_device_errors{" + uuid + "}" }

// scrubFacts are of the last scrub that came to its end, and whether one is
// due.
func (c *collector) scrubFacts(ctx context.Context, o *facts.Object, id string, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, pastTime)
	defer cancel()
	list, err := c.d.store().Operations(ctx, telemetry.Scrub, id, 20)
	why := "no scrub has been seen"
	if err != nil {
		why = "the stored operations cannot be read: " + err.Error()
	}
	for _, row := range []string{"scrub_age_sec", "scrub_errors", "scrub_uncorrectable"} {
		o.Set("btrfs."+row, facts.Unknown(why))
	}
	for _, op := range slices.Backward(list) {
		var run scrub.Run
		if op.Ended.IsZero() || op.Outcome != scrub.Finished || json.Unmarshal(op.Data, &run) != nil {
			continue
		}
		o.Set("btrfs.scrub_age_sec", facts.Num(max(0, now.Sub(op.Ended).Seconds())))
		o.Set("btrfs.scrub_errors", facts.Num(run.Errors.Found()))
		o.Set("btrfs.scrub_uncorrectable", facts.Num(run.Errors.Uncorrectable))
		break
	}
	uuid, err := btrfs.ParseUUID(id)
	watch := c.d.mods.scrubs()
	if err != nil || watch == nil {
		o.Set("btrfs.scrub_due", facts.Unknown("scrubs are not watched"))
		return
	}
	state, ok := watch.State(uuid)
	if !ok {
		o.Set("btrfs.scrub_due", facts.Unknown("scrubs are looked at just now"))
		return
	}
	o.Set("btrfs.scrub_due", scrubDue(state, now, c.d.host.Config().Btrfs().ScrubMaxAge))
}

// scrubDue says whether the last scrub is too long ago, as far as that is
// certain: what others ran is not always to be seen.
func scrubDue(s scrub.State, now time.Time, most time.Duration) facts.Value {
	h := scrub.History{Runs: s.Runs}
	last := h.LastFinished()
	switch {
	case last != nil && now.Sub(last.Ended) <= most, h.Current() != nil:
		return facts.Flag(false)
	case now.Sub(s.Touched) <= most:
		return facts.Unknown("a scrub was run, and how it ended only root may read")
	case last != nil && !s.Since.IsZero() && !s.Since.After(last.Ended), !s.Since.IsZero() && now.Sub(s.Since) > most:
		return facts.Flag(true)
	case last == nil && !s.Made.IsZero() && now.Sub(s.Made) <= most:
		return facts.Flag(false)
	case s.Since.IsZero() && s.Why != "":
		return facts.Unknown(s.Why)
	}
	return facts.Unknown("scrubs are not watched for long enough yet")
}

func subvolumeFacts(o *facts.Object, s *btrfsCounted, now time.Time) {
	if s == nil || s.why != "" {
		why := "they were not counted yet"
		if s != nil {
			why = s.why
		}
		for _, row := range []string{"subvolumes", "snapshots", "deleting", "newest_snapshot_age_sec"} {
			o.Set("btrfs."+row, facts.Unknown(why))
		}
		return
	}
	o.Set("btrfs.subvolumes", facts.Num(s.subvolumes))
	o.Set("btrfs.snapshots", facts.Num(s.snapshots))
	o.Set("btrfs.deleting", facts.Num(s.doomed))
	if s.newest.IsZero() {
		o.Set("btrfs.newest_snapshot_age_sec", facts.Unknown("there is no snapshot"))
		return
	}
	o.Set("btrfs.newest_snapshot_age_sec", facts.Num(max(0, now.Sub(s.newest).Seconds())))
}

func quotaFacts(o *facts.Object, s *btrfsCounted) {
	if s == nil || s.quota == nil {
		why := "they were not looked at yet"
		if s != nil {
			why = s.quotaWhy
		}
		for _, row := range []string{"quota", "quota_groups", "quota_inconsistent"} {
			o.Set("btrfs."+row, facts.Unknown(why))
		}
		return
	}
	q := s.quota
	mode := "off"
	if q.Enabled {
		if mode = q.Mode; mode == "" {
			mode = "qgroup"
		}
	}
	o.Set("btrfs.quota", facts.Str(mode))
	o.Set("btrfs.quota_groups", facts.Num(len(q.Groups)))
	o.Set("btrfs.quota_inconsistent", facts.Flag(q.Enabled && q.Inconsistent))
}
