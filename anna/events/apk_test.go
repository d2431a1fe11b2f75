package events

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestApkInstalled(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "testdata/events/apk-installed"))
	must(t, err)
	root := t.TempDir()
	dir := filepath.Join(root, "usr/lib/apk/db") // where apk-tools 3 has it
	must(t, os.MkdirAll(dir, 0o755))
	write(t, filepath.Join(dir, "installed"), string(data))
	all, err := packageDBs(root)[2].read(nil)
	must(t, err)
	var got []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		got = append(got, fmt.Sprint(name, " ", all[name].Version, " ", all[name].Arch))
	}
	want := []string{".build-deps 20240601.101010 noarch", "annabox 1.36.1_git20240502-r29 x86_64", "annalibc 1.2.5-r1 x86_64"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestLocksOfFiles(t *testing.T) {
	f, err := os.Open(filepath.Join(annatest.RepoRoot(t), "testdata/events/proc-locks"))
	must(t, err)
	defer f.Close()
	locks, err := parseLocks(f)
	must(t, err)
	disk := func(minor uint64) uint64 { return 0xfe<<8 | minor }
	for _, c := range []struct {
		id         fileID
		held, sure bool
	}{
		{fileID{disk(0), 100}, true, true},
		{fileID{disk(1), 100}, false, true},  // the same number on another disk
		{fileID{disk(0), 101}, false, true},  // locked for reading
		{fileID{disk(0), 102}, false, true},  // waited for
		{fileID{disk(0), 103}, true, true},   // by flock(2)
		{fileID{0x1f, 200}, true, false},     // Btrfs: no device of a disk, and not this one
		{fileID{0x1c, 200}, true, true},      // or this one
		{fileID{0x1f, 100}, false, true},     // a disk's lock is not that of a Btrfs file
		{fileID{0x1f, 1 << 62}, false, true}, // nobody's
	} {
		if held, sure := locks.holds(c.id); held != c.held || sure != c.sure {
			t.Errorf("%+v: %v, %v", c, held, sure)
		}
	}
}
