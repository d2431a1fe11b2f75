package events

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// TestApkOfAlpine reads a real database, byte for byte: that of the Alpine
// 3.18 container image, as google/osv-scalibr v0.5.3 (Apache-2.0) publishes it
// among its tests. Then a transaction as apk makes one (installed.new, renamed
// over): the upgrades are those of the image's next releases.
func TestApkOfAlpine(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "testdata/events/apk-installed-alpine-3.18"))
	must(t, err)
	root := t.TempDir()
	dir := filepath.Join(root, "lib/apk/db")
	must(t, os.MkdirAll(dir, 0o755))
	put := func(data string) {
		t.Helper()
		write(t, filepath.Join(dir, "installed.new"), data)
		must(t, os.Rename(filepath.Join(dir, "installed.new"), filepath.Join(dir, "installed")))
	}
	put(string(data))
	all, err := packageDBs(root)[2].read(nil)
	must(t, err)
	var got []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].Arch != "x86_64" {
			t.Errorf("%s has the architecture %q", name, all[name].Arch)
		}
		got = append(got, name+" "+all[name].Version)
	}
	want := []string{
		"alpine-baselayout 3.4.3-r1", "alpine-baselayout-data 3.4.3-r1", "alpine-keys 2.4-r1", "apk-tools 2.14.0-r0",
		"busybox 1.36.0-r9", "busybox-binsh 1.36.0-r9", "ca-certificates-bundle 20230506-r0", "libc-utils 0.7.2-r5",
		"libcrypto3 3.1.0-r4", "libssl3 3.1.0-r4", "musl 1.2.4-r0", "musl-utils 1.2.4-r0", "scanelf 1.3.7-r1",
		"ssl_client 1.36.0-r9", "zlib 1.2.13-r1",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%q\nwant\n%q", got, want)
	}

	s, c := newPackages(root), &collector{}
	defer start(t, s, c)()
	stanzas := strings.Split(string(data), "\n\n")
	stanzas = slices.DeleteFunc(stanzas, func(s string) bool { return strings.Contains(s, "\nP:scanelf\n") })
	put(strings.NewReplacer("\nV:1.36.0-r9\n", "\nV:1.36.1-r0\n", "\nV:3.1.0-r4\n", "\nV:3.1.1-r1\n").Replace(strings.Join(stanzas, "\n\n")))
	c.expect(t, "removed scanelf: 1.3.7-r1",
		"upgraded busybox: 1.36.0-r9 -> 1.36.1-r0", "upgraded busybox-binsh: 1.36.0-r9 -> 1.36.1-r0", "upgraded ssl_client: 1.36.0-r9 -> 1.36.1-r0",
		"upgraded libcrypto3: 3.1.0-r4 -> 3.1.1-r1", "upgraded libssl3: 3.1.0-r4 -> 3.1.1-r1")
}
