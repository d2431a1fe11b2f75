package events

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newPackages(root string) *PackagesSource {
	return NewPackagesSource(PackagesOptions{Root: root, Settle: 20 * time.Millisecond, Stale: 300 * time.Millisecond})
}

// details are "kind subject: detail", with " (late)" for catch-up.
func (c *collector) details() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []string{}
	for _, ev := range c.evs {
		line := fmt.Sprintf("%s %s: %s", ev.Kind, ev.Subject, ev.Detail)
		if ev.CatchUp {
			line += " (late)"
		}
		list = append(list, line)
	}
	return list
}

// expect waits until all wanted lines came, and holds that nothing else did.
func (c *collector) expect(t *testing.T, wanted ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := c.details(); len(got) < len(wanted) {
			return fmt.Errorf("got %q, want %q", got, wanted)
		}
		return nil
	})
	got := c.details()
	slices.Sort(got)
	slices.Sort(wanted)
	if !slices.Equal(got, wanted) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
	c.clear()
}

func stanza(name, version, status string) string {
	return fmt.Sprintf("Package: %s\nStatus: %s\nPriority: optional\nArchitecture: amd64\nVersion: %s\nDescription: x\n y: z\n .\n\n", name, status, version)
}

const okStatus = "install ok installed"

// dpkgRoot makes a database under a new root and returns what replaces its
// status file as dpkg does.
func dpkgRoot(t testing.TB) (root string, put func(stanzas ...string)) {
	t.Helper()
	root = t.TempDir()
	dir := filepath.Join(root, "var/lib/dpkg")
	must(t, os.MkdirAll(filepath.Join(dir, "updates"), 0o755))
	write(t, filepath.Join(dir, "arch"), "amd64\n")
	put = func(stanzas ...string) {
		t.Helper()
		write(t, filepath.Join(dir, "status-new"), strings.Join(stanzas, ""))
		must(t, os.Rename(filepath.Join(dir, "status-new"), filepath.Join(dir, "status")))
	}
	return root, put
}

func TestPackagesDpkgStates(t *testing.T) {
	root, put := dpkgRoot(t)
	put(stanza("a", "1.0-1", okStatus), stanza("b", "1:2", okStatus), stanza("c", "3", "deinstall ok config-files"))
	s, c := newPackages(root), &collector{}
	stop := start(t, s, c)
	put(
		stanza("a", "1.0-1+b1", okStatus), stanza("b", "5", okStatus), stanza("new", "0.1~rc1", "install ok triggers-pending"),
		stanza("half", "2", "install ok half-configured"),
	)
	c.expect(t,
		"upgraded a: 1.0-1 -> 1.0-1+b1", "downgraded b: 1:2 -> 5", "purged c: 3", "installed new: 0.1~rc1",
		"installed half: 2, half-configured")
	put(stanza("a", "1.0-1+b1", "deinstall ok config-files"), stanza("half", "2", okStatus), stanza("new", "0.1~rc1", "install reinstreq installed"))
	c.expect(t, "removed a: 1.0-1+b1, its configuration stays", "removed b: 5", "configured half: 2", "broken new: 0.1~rc1, reinst-required")
	if ev := describePackage("dpkg/x", &Package{Version: "1", Arch: "amd64"}, &Package{Version: "2", Arch: "all"}, false)[0]; ev.Attributes["old_version"] != "1" || ev.Attributes["new_version"] != "2" || ev.Attributes["architecture"] != "all" || ev.Attributes["manager"] != "dpkg" {
		t.Errorf("%+v", ev)
	}
	must(t, stop())

	// While nobody watches.
	put(stanza("a", "2", okStatus), stanza("half", "2", okStatus), stanza("new", "0.1~rc1", okStatus))
	saved, err := s.Save()
	must(t, err)
	again := newPackages(root)
	must(t, again.Load(saved))
	start(t, again, c)
	c.expect(t, "installed a: 2 (late)", "configured new: 0.1~rc1 (late)")
}

// TestPackagesNotInTheMiddle holds a database's lock as dpkg does: nothing is
// told before it is let go, and then all at once.
func TestPackagesNotInTheMiddle(t *testing.T) {
	root, put := dpkgRoot(t)
	put(stanza("a", "1", okStatus))
	write(t, filepath.Join(root, "var/lib/dpkg/lock-frontend"), "")
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	lock, err := os.OpenFile(filepath.Join(root, "var/lib/dpkg/lock-frontend"), os.O_RDWR, 0)
	must(t, err)
	defer lock.Close()
	must(t, unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	put(stanza("a", "2", "install ok unpacked"))
	time.Sleep(150 * time.Millisecond)
	put(stanza("a", "2", "install ok unpacked"), stanza("b", "1", "install ok half-installed"))
	time.Sleep(150 * time.Millisecond)
	if got := c.details(); len(got) > 0 {
		t.Fatalf("told in the middle: %q", got)
	}
	put(stanza("a", "2", okStatus), stanza("b", "1", okStatus))
	lock.Close()
	c.expect(t, "upgraded a: 1 -> 2", "installed b: 1")
}

func TestPackagesJournalOfAKilledDpkg(t *testing.T) {
	root, put := dpkgRoot(t)
	put(stanza("a", "1", okStatus), stanza("b", "1", okStatus))
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	updates := filepath.Join(root, "var/lib/dpkg/updates")
	write(t, filepath.Join(updates, "0000"), stanza("a", "2", "install ok unpacked"))
	write(t, filepath.Join(updates, "0001"), stanza("a", "2", "install ok half-configured"))
	write(t, filepath.Join(updates, "0002"), stanza("b", "1", "purge ok not-installed"))
	write(t, filepath.Join(updates, "tmp.i"), "half of a fie")
	write(t, filepath.Join(root, "var/lib/dpkg/lock"), "") // its end
	c.expect(t, "upgraded a: 1 -> 2, half-configured", "removed b: 1")
}

func TestPackagesOfImages(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "var/lib/dpkg/status.d")
	must(t, os.MkdirAll(dir, 0o755))
	write(t, filepath.Join(dir, "base"), "Package: base-files\nVersion: 12\nArchitecture: amd64\n")
	write(t, filepath.Join(dir, "base.md5sums"), "0 x\n")
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	write(t, filepath.Join(dir, "tzdata"), "Package: tzdata\nVersion: 2024a\nArchitecture: all\n")
	c.expect(t, "installed tzdata: 2024a")
}

func TestPackagesDamage(t *testing.T) {
	var many []string
	for i := range emptied + 1 {
		many = append(many, stanza(fmt.Sprint("p", i), "1", okStatus))
	}
	root, put := dpkgRoot(t)
	put(many...)
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	for _, bad := range []string{
		"", "garbage\n", "Package: x\nStatus: what\nVersion: 1\n", stanza("x", "1", "install ok sideways"),
		"Version: 1\n\n", stanza("x y", "1", okStatus), stanza("x", "", okStatus), stanza("a/b", "1", okStatus),
		stanza(strings.Repeat("x", maxPackageWord+1), "1", okStatus),
	} {
		put(many...)
		eventually(t, func() error {
			if st := s.Status(); st.State != SourceRunning {
				return fmt.Errorf("whole: %+v", st)
			}
			return nil
		})
		put(bad)
		eventually(t, func() error {
			if st := s.Status(); st.State != SourceDegraded {
				return fmt.Errorf("%q: %+v", bad, st)
			}
			return nil
		})
	}
	must(t, os.RemoveAll(filepath.Join(root, "var")))
	eventually(t, func() error {
		if st := s.Status(); st.State != SourceDegraded || !strings.Contains(st.Reason, "gone") {
			return fmt.Errorf("gone: %+v", st)
		}
		return nil
	})
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/updates"), 0o755))
	put(append(many, stanza("back", "1", okStatus))...)
	c.expect(t, "installed back: 1 (late)")
}

// TestPackagesNothingHere: what comes later is seen to come, and taken as it
// is.
func TestPackagesNothingHere(t *testing.T) {
	root := t.TempDir()
	s, c := newPackages(root), &collector{}
	stopped := startAbsent(t, s, c)
	defer stopped()
	db := filepath.Join(root, "lib/apk/db")
	must(t, os.MkdirAll(db, 0o755))
	write(t, filepath.Join(db, "installed"), "P:musl\nV:1.2.5-r0\nA:x86_64\n\n")
	eventually(t, func() error {
		if st := s.Status(); st.State != SourceRunning {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	write(t, filepath.Join(db, "installed.new"), "P:musl\nV:1.2.5-r1\nA:x86_64\nF:lib\nR:x\n\nP:zlib\nV:1.3_rc1-r0\nA:x86_64\n")
	must(t, os.Rename(filepath.Join(db, "installed.new"), filepath.Join(db, "installed")))
	c.expect(t, "upgraded musl: 1.2.5-r0 -> 1.2.5-r1", "installed zlib: 1.3_rc1-r0")
}

func startAbsent(t *testing.T, s Source, sink Sink) (stop func()) {
	t.Helper()
	stop = startAny(t, s, sink)
	eventually(t, func() error {
		if st := s.Status(); st.State != SourceAbsent || st.Reason == "" {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	return stop
}

func TestPackagesRpm(t *testing.T) {
	root := t.TempDir()
	db := filepath.Join(root, "usr/lib/sysimage/rpm")
	must(t, os.MkdirAll(db, 0o755))
	write(t, filepath.Join(db, "rpmdb.sqlite"), "1")
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	if st := s.Status(); st.State != SourceDegraded || !strings.Contains(st.Reason, "not which") {
		t.Errorf("%+v", st)
	}
	write(t, filepath.Join(db, "rpmdb.sqlite-wal"), "")
	must(t, os.Remove(filepath.Join(db, "rpmdb.sqlite-wal"))) // somebody asked
	time.Sleep(100 * time.Millisecond)
	write(t, filepath.Join(db, "rpmdb.sqlite"), "12")
	c.expect(t, "changed database: which packages changed cannot be seen")
}

// pacmanRoot returns what adds and removes entries of a database.
func pacmanEntry(t testing.TB, root, name, version string) string {
	t.Helper()
	dir := filepath.Join(root, "var/lib/pacman/local", name+"-"+version)
	must(t, os.MkdirAll(dir, 0o755))
	write(t, filepath.Join(dir, "desc"), fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%DESC%%\nx\n\n%%ARCH%%\nx86_64\n\n", name, version))
	return dir
}

func TestPackagesPacmanLock(t *testing.T) {
	root := t.TempDir()
	old := pacmanEntry(t, root, "linux-lts", "6.6.1-1")
	write(t, filepath.Join(root, "var/lib/pacman/local/ALPM_DB_VERSION"), "9\n")
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	lock := filepath.Join(root, "var/lib/pacman/db.lck")

	held, err := os.Create(lock)
	must(t, err)
	pacmanEntry(t, root, "linux-lts", "6.6.2-1")
	time.Sleep(100 * time.Millisecond)
	must(t, os.RemoveAll(old))
	pacmanEntry(t, root, "gtk-doc", "1:1.34-2")
	time.Sleep(100 * time.Millisecond)
	if got := c.details(); len(got) > 0 {
		t.Fatalf("told in the middle: %q", got)
	}
	must(t, held.Close())
	must(t, os.Remove(lock))
	c.expect(t, "upgraded linux-lts: 6.6.1-1 -> 6.6.2-1", "installed gtk-doc: 1:1.34-2")

	// A pacman that was killed leaves the lock, and maybe half an entry.
	held, err = os.Create(lock)
	must(t, err)
	dir := pacmanEntry(t, root, "late", "1-1")
	must(t, os.Remove(filepath.Join(dir, "desc")))
	must(t, held.Close())
	c.expect(t, "installed late: 1-1, without-desc")

	// One that was left before the start is respected for a while only.
	pacmanEntry(t, root, "more", "1-1")
	c.expect(t, "installed more: 1-1")
	again := newPackages(root)
	saved, err := s.Save()
	must(t, err)
	pacmanEntry(t, root, "last", "1-1")
	must(t, again.Load(saved))
	d := &collector{}
	startAny(t, again, d)
	d.expect(t, "installed last: 1-1 (late)")
}

func TestPackagesFullQueue(t *testing.T) {
	root, put := dpkgRoot(t)
	put(stanza("a", "1", okStatus))
	s, c := newPackages(root), &collector{}
	start(t, s, c)
	c.setFull(true)
	put(stanza("a", "2", okStatus))
	eventually(t, func() error {
		if s.Status().Refused == 0 {
			return fmt.Errorf("%+v", s.Status())
		}
		return nil
	})
	put(stanza("a", "3", okStatus))
	c.setFull(false)
	c.expect(t, "upgraded a: 1 -> 3 (late)")
}
