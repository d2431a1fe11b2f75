// Package btrfs_test runs the scripts beside it on real file systems, in the
// shell that they name or in that of ANNA_TEST_SHELL.
package btrfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// run runs a script and returns both of its streams and its status.
func run(t *testing.T, script string, args ...string) (string, int) {
	t.Helper()
	annatest.DependsOn(t, "scripts/btrfs")
	path, err := filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
	if shell := os.Getenv("ANNA_TEST_SHELL"); shell != "" {
		cmd = exec.Command(shell, append([]string{path}, args...)...)
	}
	cmd.Stdout, cmd.Stderr = &out, &out
	var exited *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

func says(t *testing.T, out string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// A machine is a disk with a root and a snapshot directory, as @ and
// @snapshots lie in many installations.
type machine struct {
	t         *testing.T
	disk      *annatest.Disk
	root, dir string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{512 << 20})
	m := &machine{t: t, disk: disk, root: filepath.Join(disk.Dir, "@"), dir: filepath.Join(disk.Dir, "snapshots of @")}
	annatest.Run(t, "btrfs", "subvolume", "create", m.root)
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) snapshot(names ...string) {
	m.t.Helper()
	for _, name := range names {
		annatest.Run(m.t, "btrfs", "subvolume", "snapshot", "-r", m.root, filepath.Join(m.dir, name))
	}
}

func (m *machine) names() []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// daysAgo is a snapshot's name.
func daysAgo(days int) string {
	return "pacman-" + time.Now().AddDate(0, 0, -days).Format("2006-01-02_150405")
}

func TestPruneNeedsBoth(t *testing.T) {
	m := newMachine(t)
	old := []string{daysAgo(400), daysAgo(90), daysAgo(60), daysAgo(45)}
	young := []string{daysAgo(29), daysAgo(3), daysAgo(0)}
	m.snapshot(old...)
	m.snapshot(young...)

	out, status := run(t, "prune.sh", "--dir", m.dir, "--keep", "5", "--dry-run")
	says(t, out, "would delete "+old[0], "would delete "+old[1], "7 snapshots in", "2 would be deleted, 5 kept")
	if status != 0 || len(m.names()) != 7 {
		t.Errorf("a dry run: status %d, left %q", status, m.names())
	}
	// Old, but among the newest five; then not among them, but young.
	for _, c := range []struct {
		keep string
		left []string
		says string
	}{
		{"5", append(slices.Clone(old[2:]), young...), "7 snapshots in %s: 2 deleted, 5 kept (0 of them in use), 0 failed"},
		{"0", young, "5 snapshots in %s: 2 deleted, 3 kept (0 of them in use), 0 failed"},
		{"0", young, "3 snapshots in %s: 0 deleted, 3 kept (0 of them in use), 0 failed"},
	} {
		out, status := run(t, "prune.sh", "--dir", m.dir, "--keep", c.keep)
		says(t, out, fmt.Sprintf(c.says, m.dir))
		if left := m.names(); status != 0 || !slices.Equal(left, c.left) {
			t.Errorf("--keep %s: status %d, left %q, not %q\n%s", c.keep, status, left, c.left, out)
		}
	}
}

// TestPruneLeavesAlone makes everything that must not be deleted, and asks for
// all.
func TestPruneLeavesAlone(t *testing.T) {
	m := newMachine(t)
	in := func(name string) string { return filepath.Join(m.dir, name) }
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const goes, mounted, standard, nested = "pacman-2020-02-29_235960", "pacman-2020-01-02_000000", "pacman-2020-01-03_000000", "pacman-2020-01-04_000000"
	m.snapshot(goes, mounted, standard, nested)
	do(m.disk.MountAt(t, t.TempDir(), "subvol=snapshots of @/"+mounted))
	annatest.Run(t, "btrfs", "subvolume", "set-default", in(standard))
	// One that the kernel does not delete, for it holds another.
	annatest.Run(t, "btrfs", "property", "set", "-ts", in(nested), "ro", "false")
	annatest.Run(t, "btrfs", "subvolume", "create", in(nested)+"/inner")
	annatest.Run(t, "btrfs", "property", "set", "-ts", in(nested), "ro", "true")

	keep := []string{mounted, standard, nested}
	// Names that are almost right, or meant to be run, split or obeyed.
	for _, name := range []string{
		"pacman-2021-02-29_000000", "pacman-2020-13-01_000000", "pacman-2020-01-01_240000", "pacman-2020-01-01_000000-keep", "pacman-2020-01-01_000000 ",
		"pacman-2020-01-01", "xpacman-2020-01-01_000000", "pacman-$(touch ran)", "pacman-`touch ran`", "pacman-a\nb 2020-01-01_000000", "pacman-\x1b[2J", "pacman-ä", "-rf", "--all", "pacman-*",
		"timeshift-2020-01-01_000000", "pacman-9999999999-01-01_000000", "pacman-2020-01-08_000000\n",
	} {
		m.snapshot(name)
		keep = append(keep, name)
	}
	// The right name on the wrong thing.
	annatest.Run(t, "btrfs", "subvolume", "snapshot", m.root, in("pacman-2020-01-05_000000"))
	do(os.Mkdir(in("pacman-2020-01-06_000000"), 0o700))
	do(os.WriteFile(in("pacman-2020-01-07_000000"), nil, 0o600))
	do(os.Symlink(in(goes), in("pacman-2020-01-09_000000")))
	do(os.Symlink("nowhere", in("pacman-2020-01-10_000000")))
	do(os.Mkdir(in("pacman-2020-01-11_000000"), 0o700))
	m.disk.Bind(t, in("pacman-2020-01-06_000000"), in("pacman-2020-01-11_000000"))
	keep = append(keep, "pacman-2020-01-05_000000", "pacman-2020-01-06_000000", "pacman-2020-01-07_000000", "pacman-2020-01-09_000000", "pacman-2020-01-10_000000", "pacman-2020-01-11_000000")
	slices.Sort(keep)

	out, status := run(t, "prune.sh", "--dir", m.dir, "--all", "--yes")
	if left := m.names(); status != 1 || !slices.Equal(left, keep) {
		t.Errorf("status %d, left\n%q\nnot\n%q\n%s", status, left, keep, out)
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\nb 2020") {
		t.Errorf("a name reached the terminal as it is: %q", out)
	}
	says(t, out, "deleted "+goes, "kept "+mounted+": it is mounted, booted or the default", "kept "+standard+": it is mounted",
		"cannot delete "+nested, "4 snapshots in", "1 deleted, 2 kept (2 of them in use), 1 failed; left alone: ", "6 of another kind",
		"pacman-2020-01-09_000000: a link", "pacman-2020-01-11_000000: something is mounted on it", "pacman-2020-01-05_000000: not read-only")
	if ran, _ := filepath.Glob("ran"); len(ran) > 0 {
		t.Error("a name was run")
	}

	link := filepath.Join(t.TempDir(), "link")
	do(os.Symlink(m.dir, link))
	if out, status := run(t, "prune.sh", "--dir", link, "--all", "--yes"); status != 1 || !strings.Contains(out, "is a link") {
		t.Errorf("through a link: status %d\n%s", status, out)
	}
}

// TestPruneOddPlace holds that a mounted snapshot is known wherever the file
// system is mounted, and one that the machine was started from by the kernel's
// command line, though no mount shows it.
func TestPruneOddPlace(t *testing.T) {
	m := newMachine(t)
	const mounted, byID, byPath, goes = "pacman-2020-01-01_000000", "pacman-2020-01-02_000000", "pacman-2020-01-03_000000", "pacman-2020-01-04_000000"
	m.snapshot(mounted, byID, byPath, goes)
	odd := filepath.Join(t.TempDir(), "a\nb \\040")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct{ point, options string }{{odd, "subvolid=5"}, {t.TempDir(), "subvol=snapshots of @/" + mounted}} {
		if err := m.disk.MountAt(t, at.point, at.options); err != nil {
			t.Fatal(err)
		}
	}
	id := strings.TrimSpace(annatest.Run(t, "btrfs", "inspect-internal", "rootid", filepath.Join(m.dir, byID)))
	script, err := filepath.Abs("prune.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flags, kept string }{
		{"noatime,subvolid=" + id, byID},
		{"subvol=/@/" + byPath + ",compress=zstd", byPath}, // no word there holds a blank
	} {
		line := filepath.Join(t.TempDir(), "cmdline")
		if err := os.WriteFile(line, []byte("quiet root=UUID=1 rootflags="+c.flags+" ro\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out := annatest.Run(t, "unshare", "--mount", "sh", "-c", `mount --bind "$1" /proc/cmdline && exec "$2" --dir "$3" --all --yes --dry-run 2>&1`,
			"sh", line, script, filepath.Join(odd, "snapshots of @"))
		says(t, out, "kept "+mounted+": it is mounted", "kept "+c.kept+": it is mounted, booted", "would delete "+goes, "2 would be deleted, 2 kept (2 of them in use)")
		if strings.Contains(out, "a\nb") {
			t.Errorf("the directory's name breaks a line:\n%s", out)
		}
	}
	if out, status := run(t, "prune.sh", "--dir", filepath.Join(odd, "snapshots of @"), "--keep", "0"); status != 0 || !slices.Equal(m.names(), []string{mounted}) {
		t.Errorf("status %d, left %q\n%s", status, m.names(), out)
	}
}

func TestPruneUsage(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "only when both hold"},
		{[]string{"--all"}, 64, "add --yes"},
		{[]string{"--keep"}, 64, "--keep needs a value"},
		{[]string{"--keep", "-1"}, 64, "not '-1'"},
		{[]string{"--days", "08x"}, 64, "not '08x'"},
		{[]string{"--prefix", "pacman-*"}, 64, "literal"},
		{[]string{"--prefix", "a/b"}, 64, "slash"},
		{[]string{"--prefix", ""}, 64, "needs text"},
		{[]string{"/"}, 64, "unknown word '/'"},
		{[]string{"--dir", "/nonexistent/x", "--dry-run"}, 0, "nothing to delete"},
	} {
		if out, status := run(t, "prune.sh", c.args...); status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%q: status %d, want %d and %q\n%s", c.args, status, c.status, c.says, out)
		}
	}
	annatest.Require(t, annatest.Btrfs)
	if out, status := run(t, "prune.sh", "--dir", "/proc", "--dry-run"); status != 1 || !strings.Contains(out, "/proc is not on Btrfs") {
		t.Errorf("elsewhere: status %d\n%s", status, out)
	}
}

func TestAutosnap(t *testing.T) {
	m := newMachine(t)
	m.snapshot(daysAgo(100))
	args := []string{"--root", m.root, "--dir", m.dir, "--keep", "2"}
	out, status := run(t, "autosnap-pre.sh", append(args, "--dry-run")...)
	says(t, out, "would take "+m.dir+"/pacman-20")
	if status != 0 || len(m.names()) != 1 {
		t.Errorf("a dry run: status %d, %q", status, m.names())
	}
	// The second finds the name of this second taken; then three stand, and the
	// oldest goes.
	for range 2 {
		if out, status := run(t, "autosnap-pre.sh", args...); status != 0 {
			t.Fatalf("status %d\n%s", status, out)
		}
	}
	name := regexp.MustCompile(`^pacman-\d{4}-\d\d-\d\d_\d{6}$`)
	names := m.names()
	if len(names) != 2 || slices.Contains(names, daysAgo(100)) {
		t.Errorf("left %q", names)
	}
	for _, n := range names {
		if ro := annatest.Run(t, "btrfs", "property", "get", "-ts", filepath.Join(m.dir, n), "ro"); !name.MatchString(n) || strings.TrimSpace(ro) != "ro=true" {
			t.Errorf("%s: %s", n, ro)
		}
	}
	// Called by a path that leads nowhere from inside the directory: the prune.sh
	// beside the script runs, and not one that lies there.
	if err := os.WriteFile(filepath.Join(m.dir, "prune.sh"), []byte("#!/bin/sh\ntouch \"$0.ran\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	relative := exec.Command("sh", append([]string{"autosnap-pre.sh"}, args...)...)
	relative.Env = append(os.Environ(), "CDPATH=/") // what would make cd talk
	if out, err := relative.CombinedOutput(); err != nil || strings.Contains(string(out), "could not") || !strings.Contains(string(out), "3 snapshots in") {
		t.Errorf("called as autosnap-pre.sh: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "prune.sh.ran")); err == nil {
		t.Error("it ran what lies in the directory of snapshots")
	}
	// The directory is made for root alone; a directory elsewhere is refused.
	other := filepath.Join(m.disk.Dir, "new")
	if out, status := run(t, "autosnap-pre.sh", "--root", m.root, "--dir", other); status != 0 {
		t.Errorf("status %d\n%s", status, out)
	}
	if info, err := os.Stat(other); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	elsewhere := annatest.NewDisk(t, []int64{256 << 20})
	if out, status := run(t, "autosnap-pre.sh", "--root", m.root, "--dir", elsewhere.Dir); status != 1 || !strings.Contains(out, "another file system") {
		t.Errorf("status %d\n%s", status, out)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "before a package transaction"},
		{[]string{"now"}, 64, "unknown word"},
		{[]string{"--root", "/proc"}, 0, "/proc is not on Btrfs"},
		{[]string{"--root", m.dir}, 0, "no subvolume of its own"},
	} {
		if out, status := run(t, "autosnap-pre.sh", c.args...); status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%q: status %d, want %d and %q\n%s", c.args, status, c.status, c.says, out)
		}
	}
}

func TestSdboot(t *testing.T) {
	m := newMachine(t)
	kernel := strings.TrimSpace(annatest.Run(t, "uname", "-r"))
	m.snapshot("pacman-2026-11-01_080000", "odd-2026-11-01_080000")
	if err := os.MkdirAll(filepath.Join(m.root, "usr/lib/modules", kernel), 0o755); err != nil {
		t.Fatal(err)
	}
	m.snapshot("pacman-2026-11-02_093005", "pacman-2026-11-03_101112")
	annatest.Run(t, "btrfs", "subvolume", "snapshot", m.root, filepath.Join(m.dir, "pacman-2026-11-04_000000"))
	entries := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(entries, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("arch.conf", "title   Arch Linux\nsort-key arch\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\noptions root=UUID=1-2 rw rootflags=subvol=@,compress=zstd:3 quiet\n")
	write("arch-fallback.conf", "title Arch Linux (fallback)\nlinux /vmlinuz-linux\noptions root=UUID=1-2 rw\n")
	write("anna-snapshot-mine.conf", "title not theirs\noptions x\n")
	args := []string{"--entries", entries, "--dir", m.dir, "--limit", "3"}
	names := func() string {
		t.Helper()
		files, err := filepath.Glob(entries + "/anna-*")
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		return strings.Join(files, " ")
	}

	// Two entries with "options", of which one is somebody's own.
	out, status := run(t, "sdboot-gen.sh", args...)
	if status != 1 || !strings.Contains(out, "name one with --template") {
		t.Fatalf("status %d\n%s", status, out)
	}
	args = append(args, "--template", filepath.Join(entries, "arch.conf"))
	if out, status := run(t, "sdboot-gen.sh", append(args, "--dry-run")...); status != 0 || names() != "anna-snapshot-mine.conf" {
		t.Errorf("a dry run: status %d\n%s", status, out)
	}
	out, status = run(t, "sdboot-gen.sh", args...)
	says(t, out, "3 written, 0 as they should be, 0 removed, 0 failed", "left alone: "+entries+"/anna-snapshot-mine.conf", "pacman-2026-11-01_080000 has no modules of the running kernel "+kernel)
	if status != 0 || names() != "anna-snapshot-2026-11-01_080000.conf anna-snapshot-2026-11-02_093005.conf anna-snapshot-2026-11-03_101112.conf anna-snapshot-mine.conf" {
		t.Errorf("status %d, %s\n%s", status, names(), out)
	}
	id := strings.TrimSpace(annatest.Run(t, "btrfs", "inspect-internal", "rootid", filepath.Join(m.dir, "pacman-2026-11-02_093005")))
	text, err := os.ReadFile(filepath.Join(entries, "anna-snapshot-2026-11-02_093005.conf"))
	want := "# Written by sdboot-gen.sh of anna; it will be removed with its snapshot.\n" +
		"title   Arch Linux (snapshot 2026-11-02 09:30)\nsort-key zz-anna-snapshot\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\n" +
		"options root=UUID=1-2 quiet rootflags=subvolid=" + id + ",compress=zstd:3 ro\n"
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s\nnot\n%s", err, text, want)
	}

	// Again: nothing to do. A snapshot goes, and so does its entry.
	out, _ = run(t, "sdboot-gen.sh", args...)
	says(t, out, "0 written, 3 as they should be, 0 removed, 0 failed")
	annatest.Run(t, "btrfs", "subvolume", "delete", filepath.Join(m.dir, "pacman-2026-11-02_093005"))
	out, status = run(t, "sdboot-gen.sh", args...)
	says(t, out, "0 written, 2 as they should be, 1 removed, 0 failed")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	out, status = run(t, "sdboot-gen.sh", "--clean", "--entries", entries)
	says(t, out, "2 removed, 0 failed")
	if status != 0 || names() != "anna-snapshot-mine.conf" {
		t.Errorf("status %d, left %s", status, names())
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "a systemd-boot entry"},
		{[]string{"--limit", "x"}, 64, "--limit needs a number"},
		{[]string{"--entries", "/nonexistent/x"}, 1, "is no directory"},
		{[]string{"--entries", entries, "--dir", "/nonexistent/x", "--template", "/proc/version"}, 1, "no line 'options'"},
	} {
		if out, status := run(t, "sdboot-gen.sh", c.args...); status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%q: status %d, want %d and %q\n%s", c.args, status, c.status, c.says, out)
		}
	}
}
