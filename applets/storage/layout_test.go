package storage

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestLayouts shows file systems of many kinds, with no figure missing for root
// and the type figures those of sysfs.
func TestLayouts(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	one := []int64{512 * mib}
	for name, c := range map[string]struct {
		sizes   []int64
		mkfs    []string
		options string
		types   string
	}{
		"single":     {one, []string{"-m", "single", "-d", "single"}, "", "data single, metadata single, system single"},
		"dup":        {one, []string{"-m", "dup", "-d", "dup"}, "compress=lzo", "data dup, metadata dup, system dup"},
		"mixed":      {[]int64{128 * mib}, []string{"-M"}, "", "mixed single, system single"},
		"raid1":      {[]int64{1024 * mib, 600 * mib, 300 * mib}, []string{"-m", "raid1", "-d", "raid1"}, "", "data raid1, metadata raid1, system raid1"},
		"read-only":  {one, nil, "ro", "data single, metadata dup, system dup"},
		"sha256":     {one, []string{"--csum", "sha256"}, "", "data single, metadata dup, system dup"},
		"64K nodes":  {one, []string{"-n", "65536"}, "", "data single, metadata dup, system dup"},
		"no space":   {[]int64{120 * mib}, nil, "", "data single, metadata dup, system dup"},
		"group tree": {one, []string{"-m", "single"}, "", "data single, metadata single, system single"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := annatest.MakeDisk(t, c.sizes, c.mkfs...)
			if name == "group tree" {
				d.GroupTree(t)
			}
			dir := t.TempDir()
			if err := d.MountAt(t, dir, c.options); errors.Is(err, unix.EINVAL) {
				t.Skip("this kernel does not mount it")
			} else if err != nil {
				t.Fatal(err)
			}
			if name == "no space" {
				fill(t, dir)
			}
			f := annaJSON[Show](t, 0, noSocket, "storage", "btrfs", dir).Filesystems[0]
			u := annaJSON[Usages](t, 0, noSocket, "storage", "btrfs", "usage", dir).Filesystems[0]
			if len(f.Missing)+len(u.Missing) > 0 || len(f.Problems) > 0 {
				t.Errorf("missing %v %v, problems %v", f.Missing, u.Missing, f.Problems)
			}
			if f.ReadOnly != (c.options == "ro") || f.ForcedReadOnly {
				t.Errorf("read-only %v, forced %v", f.ReadOnly, f.ForcedReadOnly)
			}
			var types []string
			for _, ts := range u.Space.Types {
				types = append(types, ts.Type+" "+ts.Next)
				if used := sysfs(t, u.UUID, "allocation/"+ts.Type+"/bytes_used"); used != ts.Used {
					t.Errorf("%s used: %d, sysfs says %d", ts.Type, ts.Used, used)
				}
				if total := sysfs(t, u.UUID, "allocation/"+ts.Type+"/disk_total"); total != ts.DiskTotal {
					t.Errorf("%s on disk: %d, sysfs says %d", ts.Type, ts.DiskTotal, total)
				}
			}
			if got := strings.Join(types, ", "); got != c.types {
				t.Errorf("types %s, want %s", got, c.types)
			}
			if u.BlockGroups == nil || u.BlockGroups.Total == 0 {
				t.Errorf("block groups %+v", u.BlockGroups)
			}
			if name == "no space" && (u.Space.Unallocated > 2*mib || u.Space.Free > 2*mib) {
				t.Errorf("a full disk: %+v", u.Space)
			}
			for _, command := range [][]string{{"show", "--wide"}, {"usage", "--wide"}, {"tree", "--wide"}} {
				if text, stderr, status := anna(t, 0, noSocket, append([]string{"storage", "btrfs", command[0], dir}, command[1:]...)...); status != 0 || stderr != "" || strings.Contains(text, "unknown:") && command[0] != "usage" && command[0] != "tree" {
					t.Errorf("%v: status %d %s\n%s", command, status, stderr, text)
				}
			}
		})
	}
}

// fill writes until nothing more can be.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "all"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, mib))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
}

// TestPending deletes a subvolume that is in use, and one with a snapshot, and
// binds a directory elsewhere.
func TestPending(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 * mib})
	in := func(name string) string { return filepath.Join(d.Dir, name) }
	annatest.Run(t, "btrfs", "subvolume", "create", in("a"))
	annatest.WriteFile(t, in("a"), "open", mib)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", in("a"), in("b"))
	annatest.Run(t, "btrfs", "subvolume", "snapshot", in("b"), in("c"))
	held, err := os.Open(filepath.Join(in("b"), "open")) // the cleaner waits for it
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	annatest.Run(t, "btrfs", "subvolume", "delete", in("b"))
	elsewhere := t.TempDir()
	d.Bind(t, in("c"), elsewhere)

	plain := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir).Filesystems[0]
	if plain.Counts.Pending != 1 || len(plain.Pending) != 0 || shape(plain.Roots) != "5(256 258)" {
		t.Errorf("%+v, %s", plain.Counts, shape(plain.Roots))
	}
	c := plain.Roots[0].Children[1]
	if !slices.ContainsFunc(c.Mounts, func(m Mount) bool { return m.Point == elsewhere }) {
		t.Errorf("a bind mount is not seen: %+v", c.Mounts)
	}
	shown := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir, "--deleted").Filesystems[0]
	if shape(shown.Pending) != "257" {
		t.Errorf("pending %s", shape(shown.Pending))
	}
	lineage := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir, "--lineage").Filesystems[0]
	if got := shape(lineage.Roots); got != "5 256(258!"+shown.Pending[0].UUID+")" {
		t.Errorf("lineage %s", got)
	}
	lineage = annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir, "--lineage", "--deleted").Filesystems[0]
	if got := shape(lineage.Roots); got != "5 256(257(258))" {
		t.Errorf("lineage with what is pending %s", got)
	}
}
