package events

import (
	"archive/tar"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// deb builds a package; script, if any, is run when it is configured.
func deb(t *testing.T, dir, name, version, script string) string {
	t.Helper()
	tree := filepath.Join(dir, name+version)
	must(t, os.MkdirAll(filepath.Join(tree, "DEBIAN"), 0o755))
	must(t, os.MkdirAll(filepath.Join(tree, "usr/share"), 0o755))
	write(t, filepath.Join(tree, "usr/share", name), version)
	write(t, filepath.Join(tree, "DEBIAN/control"), fmt.Sprintf(
		"Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n", name, version))
	if script != "" {
		must(t, os.WriteFile(filepath.Join(tree, "DEBIAN/postinst"), []byte("#!/bin/sh\n"+script), 0o755))
	}
	path := tree + ".deb"
	annatest.Run(t, "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, path)
	return path
}

// realDpkg makes a root for dpkg to work in, and says how to call it.
func realDpkg(t *testing.T, root string) (options []string) {
	t.Helper()
	for _, dir := range []string{"info", "updates", "triggers"} {
		must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755))
	}
	write(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	return []string{"--root=" + root, "--log=" + os.DevNull, "--force-unsafe-io", "--force-script-chrootless"}
}

// wantComposite waits for the next composite and compares its causes.
func wantComposite(t *testing.T, f *Follower[Composite], wanted ...string) {
	t.Helper()
	items, _, err := f.Next(t.Context())
	must(t, err)
	var got []string
	for _, c := range items {
		for _, cause := range c.Causes {
			got = append(got, fmt.Sprintf("%d: %s %s: %s", c.Number, cause.Kind, cause.Subject, cause.Detail))
			if cause.Count != 1 {
				t.Errorf("%+v", cause)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, wanted) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

// watched runs a packages source and an engine as the daemon does, but for the
// cool-down.
func watched(t *testing.T, root string) *Follower[Composite] {
	t.Helper()
	settings := DefaultSettings()
	settings.Cooldown = 0
	e := newEngine(t, Options{Settings: settings})
	run(t, e)
	start(t, NewPackagesSource(PackagesOptions{Root: root}), e)
	return e.FollowComposites(0)
}

func TestPackagesByDpkgAndApt(t *testing.T) {
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Oracle, "dpkg", "dpkg-deb", "apt-get")
	dir, root := t.TempDir(), t.TempDir()
	options := realDpkg(t, root)
	dpkg := func(args ...string) { t.Helper(); annatest.Run(t, "dpkg", append(options, args...)...) }
	a1, a2 := deb(t, dir, "anna-a", "1.0-1", ""), deb(t, dir, "anna-a", "1.0-2", "")
	b, c := deb(t, dir, "anna-b", "1:0.9~rc1", ""), deb(t, dir, "anna-c", "3", "")
	f := watched(t, root)

	dpkg("-i", a1, c)
	wantComposite(t, f, "1: installed anna-a: 1.0-1", "1: installed anna-c: 3")
	dpkg("-i", a2, b)
	wantComposite(t, f, "2: installed anna-b: 1:0.9~rc1", "2: upgraded anna-a: 1.0-1 -> 1.0-2")

	must(t, os.MkdirAll(filepath.Join(root, "var/cache/apt/archives/partial"), 0o755))
	apt := []string{"-y", "-q", "-o", "Dir=" + root, "-o", "Dir::Bin::dpkg=/usr/bin/dpkg", "-o", "Dir::Log::Terminal="}
	for _, o := range options {
		apt = append(apt, "-o", "DPkg::Options::="+o)
	}
	annatest.Run(t, "apt-get", append(apt, "remove", "anna-b", "anna-c")...)
	wantComposite(t, f, "3: removed anna-b: 1:0.9~rc1", "3: removed anna-c: 3")
	annatest.Run(t, "apt-get", append(apt, "install", "--allow-downgrades", a1, c)...)
	wantComposite(t, f, "4: downgraded anna-a: 1.0-2 -> 1.0-1", "4: installed anna-c: 3")
}

func TestPackagesByPacman(t *testing.T) {
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Oracle, "pacman")
	dir, root := t.TempDir(), t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/pacman/local"), 0o755))
	write(t, filepath.Join(dir, "pacman.conf"), "[options]\nSigLevel = Never\nLocalFileSigLevel = Never\nArchitecture = x86_64\n")
	pacman := func(args ...string) {
		t.Helper()
		annatest.Run(t, "pacman", append([]string{
			"--root", root, "--dbpath", filepath.Join(root, "var/lib/pacman"), "--config", filepath.Join(dir, "pacman.conf"),
			"--cachedir", filepath.Join(dir, "cache"), "--gpgdir", dir, "--hookdir", dir, "--logfile", os.DevNull, "--noconfirm",
		}, args...)...)
	}
	f := watched(t, root)
	pacman("-U", pacmanPackage(t, dir, "anna-a", "1.0-1"), pacmanPackage(t, dir, "anna-b", "1:2-1"))
	wantComposite(t, f, "1: installed anna-a: 1.0-1", "1: installed anna-b: 1:2-1")
	pacman("-U", pacmanPackage(t, dir, "anna-a", "1.0.1-1"), pacmanPackage(t, dir, "anna-c", "9-1"))
	wantComposite(t, f, "2: installed anna-c: 9-1", "2: upgraded anna-a: 1.0-1 -> 1.0.1-1")
	pacman("-U", pacmanPackage(t, dir, "anna-b", "3-1"))
	wantComposite(t, f, "3: downgraded anna-b: 1:2-1 -> 3-1")
	pacman("-R", "anna-a", "anna-c")
	wantComposite(t, f, "4: removed anna-a: 1.0.1-1", "4: removed anna-c: 9-1")
}

func pacmanPackage(t *testing.T, dir, name, version string) string {
	t.Helper()
	path := filepath.Join(dir, name+"-"+version+"-any.pkg.tar")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	archive := tar.NewWriter(f)
	for file, content := range map[string]string{
		".PKGINFO":          fmt.Sprintf("pkgname = %s\npkgver = %s\npkgdesc = x\nbuilddate = 1\npackager = x\nsize = 1\narch = any\n", name, version),
		"usr/share/" + name: version,
	} {
		must(t, archive.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}))
		_, err := archive.Write([]byte(content))
		must(t, err)
	}
	must(t, archive.Close())
	return path
}

// TestPackagesKilledInATransaction kills the watcher while dpkg is at work,
// lets a second one begin in the middle, kills that too, and dpkg as well.
func TestPackagesKilledInATransaction(t *testing.T) {
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Oracle, "dpkg", "dpkg-deb")
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	options := realDpkg(t, root)
	dpkg := func(args ...string) *exec.Cmd { return exec.Command("dpkg", append(options, args...)...) }
	wait := fmt.Sprintf("touch %[1]s/begun\nwhile [ ! -e %[1]s/go ]; do sleep 0.01; done\n", dir)
	debs := []string{
		deb(t, dir, "anna-a", "2", ""), deb(t, dir, "anna-b", "2", wait), deb(t, dir, "anna-c", "1", ""),
	}
	if out, err := dpkg("-i", deb(t, dir, "anna-a", "1", ""), deb(t, dir, "anna-b", "1", "")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kill := watcher(t, dir)
	waitFor(t, filepath.Join(dir, "state/source-packages.json"))

	transaction := dpkg(append([]string{"-i"}, debs...)...)
	must(t, transaction.Start())
	defer func() { _ = transaction.Process.Kill() }()
	waitFor(t, filepath.Join(dir, "begun"))
	kill()
	kill = watcher(t, dir) // looks while the lock is held
	kill()
	kill = watcher(t, dir)
	write(t, filepath.Join(dir, "go"), "")
	must(t, transaction.Wait())
	kill() // at any moment of its telling

	versions := map[string]string{"anna-a": "2", "anna-b": "2", "anna-c": "1"}
	evs, _ := story(t, dir, versions)
	last := chains(t, map[string]string{"anna-a": "1", "anna-b": "1"}, evs)
	if len(evs) != 3 || fmt.Sprint(last) != fmt.Sprint(versions) {
		t.Errorf("%+v", evs)
	}
	for _, ev := range evs {
		if ev.Attributes["state"] != "" {
			t.Errorf("told in the middle: %+v", ev)
		}
	}

	// A dpkg that is killed leaves what it had come to, which is told.
	must(t, os.Remove(filepath.Join(dir, "go")))
	must(t, os.Remove(filepath.Join(dir, "begun")))
	broken := dpkg("-i", deb(t, dir, "anna-b", "3", wait))
	must(t, broken.Start())
	waitFor(t, filepath.Join(dir, "begun"))
	must(t, broken.Process.Kill())
	_ = broken.Wait()
	write(t, filepath.Join(dir, "go"), "") // for the script, which is left
	versions["anna-b"] = "3"
	evs, _ = story(t, dir, versions)
	if ev := evs[len(evs)-1]; ev.Subject != "anna-b" || ev.Attributes["state"] != "half-configured" || !ev.CatchUp {
		t.Errorf("%+v", ev)
	}
}

func TestVersionsLikeTheManagers(t *testing.T) {
	words := []string{
		"0", "1", "1.0", "1.0-1", "1.0-1.1", "1.0-1+b1", "1.0~rc1-1", "1.0~~", "1.0a", "1.0.a", "1:0", "2:0.1-1", "1.00", "1.0+dfsg-1",
		"10", "9", "1.2.3-4", "1.2.10-4", "1.0alpha", "1.0rc1", "1.0-2", "007", "7", "1..0", "1.0.", "1.0_1", "a", "b", "20240101git-1",
	}
	sign := map[bool]int{true: 1}
	t.Run("dpkg", func(t *testing.T) {
		annatest.Require(t, annatest.Oracle, "dpkg")
		ask := func(a, op, b string) bool {
			return exec.CommandContext(context.Background(), "dpkg", "--force-bad-version", "--compare-versions", a, op, b).Run() == nil
		}
		for i, a := range words {
			b := words[(i*7+3)%len(words)]
			want := sign[ask(a, "gt", b)] - sign[ask(a, "lt", b)]
			if got := compareVersions("dpkg", a, b); got != want {
				t.Errorf("%s, %s: %d, want %d", a, b, got, want)
			}
		}
	})
	t.Run("pacman", func(t *testing.T) {
		annatest.Require(t, annatest.Oracle, "vercmp")
		for i, a := range words {
			for _, b := range []string{words[(i*7+3)%len(words)], words[(i*11+5)%len(words)]} {
				out, err := exec.Command("vercmp", a, b).Output()
				must(t, err)
				if got := fmt.Sprint(compareVersions("pacman", a, b)); got != strings.TrimSpace(string(out)) {
					t.Errorf("%s, %s: %s, want %s", a, b, got, out)
				}
			}
		}
	})
	t.Run("apk", func(t *testing.T) {
		ordered := []string{
			"0.9-r9", "1.0_alpha1-r0", "1.0_alpha2-r0", "1.0_rc1-r0", "1.0-r0", "1.0-r1", "1.0-r10", "1.0_git20240101-r0", "1.0_p1-r0",
			"1.0a-r0", "1.0.1-r0", "1.2-r0", "1.10-r0",
		}
		for i, a := range ordered {
			for j, b := range ordered {
				if got, want := compareVersions("apk", a, b), sign[i > j]-sign[i < j]; got != want {
					t.Errorf("%s, %s: %d, want %d", a, b, got, want)
				}
			}
		}
	})
}
