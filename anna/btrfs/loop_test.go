package btrfs

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestLayouts makes file systems of every kind and compares every figure.
func TestLayouts(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	one := []int64{512 * mib}
	for name, c := range map[string]struct {
		sizes   []int64
		mkfs    []string
		options string
		slow    bool
	}{
		"single":           {one, []string{"-m", "single", "-d", "single"}, "", false},
		"dup":              {one, []string{"-m", "dup", "-d", "dup"}, "", true},
		"mixed":            {[]int64{128 * mib}, []string{"-M"}, "", false},
		"raid1 unequal":    {[]int64{1 * gib, 600 * mib, 300 * mib}, []string{"-m", "raid1", "-d", "raid1"}, "", false},
		"raid10":           {[]int64{300 * mib, 300 * mib, 400 * mib, 500 * mib}, []string{"-m", "raid10", "-d", "raid10"}, "", true},
		"raid1c3, raid0":   {[]int64{300 * mib, 300 * mib, 400 * mib}, []string{"-m", "raid1c3", "-d", "raid0"}, "", true},
		"raid6, raid1c4":   {[]int64{300 * mib, 300 * mib, 400 * mib, 300 * mib}, []string{"-m", "raid1c4", "-d", "raid6"}, "", true},
		"block group tree": {one, []string{"-m", "single"}, "", false},
		"sha256":           {one, []string{"--csum", "sha256"}, "", false},
		"xxhash":           {one, []string{"--csum", "xxhash"}, "", true},
		"blake2":           {one, []string{"--csum", "blake2"}, "", true},
		"64K nodes":        {one, []string{"-n", "65536"}, "", false},
		"compressed":       {one, nil, "compress=zstd:3", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.slow && testing.Short() {
				t.Skip("left out under -short")
			}
			d := annatest.MakeDisk(t, c.sizes, c.mkfs...)
			if name == "block group tree" {
				d.GroupTree(t)
			}
			dir := t.TempDir()
			if err := d.MountAt(t, dir, c.options); errors.Is(err, unix.EINVAL) {
				t.Skip("this kernel does not mount it")
			} else if err != nil {
				t.Fatal(err)
			}
			populate(t, dir)
			checkAll(t, d, dir)
			if has := must(openFS(t, dir).Info())(t).Has("block_group_tree"); has != (name == "block group tree") {
				t.Errorf("block_group_tree: %v", has)
			}
		})
	}
}

// populate makes subvolumes, snapshots and files to find.
func populate(t *testing.T, dir string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) { annatest.Run(t, "btrfs", args...) }
	run("subvolume", "create", in("@"))
	annatest.WriteFile(t, in("@"), "data", 5*mib)
	annatest.WriteFile(t, in("@"), "inline", 100)
	annatest.Run(t, "mkdir", "-p", in("@/a/b"), in("snapshots/1 one"))
	run("subvolume", "create", in("@/a/b/nested"))
	run("subvolume", "snapshot", "-r", in("@"), in("snapshots/1 one/snapshot"))
	run("filesystem", "sync", dir)
}
