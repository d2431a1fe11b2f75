package health

import (
	"strings"
	"testing"
)

// TestFilesystems holds what is said of file systems: the worst decides, the
// others are named, and a full share of metadata alone is nothing.
func TestFilesystems(t *testing.T) {
	fine := Filesystem{Name: "arch", Headroom: 8 << 30, Wanted: 1 << 30, Operation: "none", MetadataPercent: 95}
	with := func(change func(*Filesystem)) Filesystem {
		f := fine
		f.Name = "pool"
		change(&f)
		return f
	}
	short := with(func(f *Filesystem) { f.Short, f.Headroom = true, 200<<20 })
	for name, c := range map[string]struct {
		check  string
		list   []Filesystem
		level  Level
		notice bool
		detail string
	}{
		"none":            {"btrfs", nil, OK, false, "no Btrfs file system is mounted"},
		"fine":            {"btrfs", []Filesystem{fine}, OK, false, "nothing is wrong with 1 file system"},
		"errors":          {"btrfs", []Filesystem{fine, with(func(f *Filesystem) { f.Errors = 3 })}, Warning, false, "pool: its devices counted 3 errors"},
		"missing":         {"btrfs", []Filesystem{with(func(f *Filesystem) { f.Absent = 1 }), fine}, Critical, false, "pool: 1 device is missing"},
		"read-only":       {"btrfs", []Filesystem{with(func(f *Filesystem) { f.ForcedReadOnly, f.Absent = true, 2 })}, Critical, false, "read-only because of an error"},
		"two":             {"btrfs", []Filesystem{with(func(f *Filesystem) { f.Errors = 1 }), with(func(f *Filesystem) { f.Name, f.Absent = "old", 2 })}, Critical, false, "old: 2 devices are missing; also pool: its devices counted 1 error"},
		"95 % is nothing": {"balance", []Filesystem{fine}, OK, false, "there is room for metadata in 1 file system"},
		"short":           {"balance", []Filesystem{fine, short}, Warning, false, "pool: 200 MiB of metadata can still be written, at least 1024 MiB is wanted"},
		"short, with a plan": {"balance", []Filesystem{with(func(f *Filesystem) {
			*f = short
			f.Advice, f.Moved, f.Gained = "balance", 60<<20, 544<<20
		})}, Warning, false, "a balance gains 544 MiB by moving 60 MiB"},
		"short, no help": {"balance", []Filesystem{with(func(f *Filesystem) { *f = short; f.Advice = "other" })}, Warning, false, "would not help"},
		"full":           {"balance", []Filesystem{with(func(f *Filesystem) { f.Short, f.Headroom = true, -1 })}, Critical, false, "0 MiB of metadata"},
		"paused":         {"balance", []Filesystem{with(func(f *Filesystem) { f.Operation = "balance paused" })}, Warning, false, "a balance is paused"},
		"running":        {"balance", []Filesystem{with(func(f *Filesystem) { f.Operation = "balance" })}, OK, true, "a balance runs"},
	} {
		t.Run(name, func(t *testing.T) {
			s := measured()
			s.Filesystems = Known(c.list)
			v := Assess(s, thresholds)[c.check]
			if v.Level != c.level || v.Notice != c.notice || !strings.Contains(v.Detail, c.detail) || v.Level > OK && v.Fix == "" {
				t.Errorf("%+v", v)
			}
		})
	}
	if v := Assess(Snapshot{}, thresholds)["balance"]; v.Level != Unknown || v.Detail == "" {
		t.Errorf("nothing known: %+v", v)
	}
}
