package events

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// image is the beginning of an x86 kernel that says it is release and build.
func image(release, build string) string {
	b := make([]byte, 0x400)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x100)
	copy(b[0x300:], release+" (somebody@somewhere) "+build)
	return string(b)
}

// A fakeMachine is a root and a procfs with files of the test's.
type fakeMachine struct {
	t          *testing.T
	root, proc string
}

func newFakeMachine(t *testing.T) *fakeMachine {
	f := &fakeMachine{t, t.TempDir(), t.TempDir()}
	f.boot("boot-1", time.Now().Add(time.Hour)) // nothing was replaced since
	for _, dir := range []string{"boot", "run", "lib/modules", "usr/lib/systemd"} {
		must(t, os.MkdirAll(filepath.Join(f.root, dir), 0o755))
	}
	return f
}

func (f *fakeMachine) put(dir, path, content string) {
	f.t.Helper()
	path = filepath.Join(dir, path)
	must(f.t, os.MkdirAll(filepath.Dir(path), 0o755))
	write(f.t, path+".new", content)
	must(f.t, os.Rename(path+".new", path))
}

func (f *fakeMachine) boot(id string, at time.Time) {
	f.t.Helper()
	f.put(f.proc, "sys/kernel/random/boot_id", id+"\n")
	f.put(f.proc, "stat", fmt.Sprintf("cpu 1 2 3\nbtime %d\n", at.Unix()))
	f.put(f.proc, "1/comm", "systemd\n")
	f.put(f.proc, "1/stat", "1 (a) b) S 0 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 300 1 1\n")
}

func (f *fakeMachine) install(release, build string) {
	f.t.Helper()
	f.put(f.root, "lib/modules/"+release+"/modules.builtin", "")
	f.put(f.root, "boot/vmlinuz-"+release, image(release, build))
}

func (f *fakeMachine) source(release, version string) *KernelSource {
	return NewKernelSource(KernelOptions{Root: f.root, Proc: f.proc, Release: release, Version: version, Settle: 20 * time.Millisecond})
}

func TestKernels(t *testing.T) {
	f := newFakeMachine(t)
	f.install("6.1.0-9-amd64", "#1 SMP Debian 6.1.27-1")
	f.put(f.root, "usr/lib/libc.so.6", "1")
	s, c := f.source("6.1.0-9-amd64", "#1 SMP Debian 6.1.27-1"), &collector{}
	stop := start(t, s, c)
	if facts, ok := s.Facts(); !ok || facts.RebootNeeded || !slices.Equal(facts.Installed, []string{"6.1.0-9-amd64"}) {
		t.Errorf("%+v", facts)
	}
	f.install("6.1.0-10-amd64", "#1 SMP Debian 6.1.37-1")
	c.expect(t, "installed linux 6.1.0-10-amd64: #1 SMP Debian 6.1.37-1",
		"reboot_needed machine: a newer kernel is installed: 6.1.0-10-amd64, while 6.1.0-9-amd64 runs")
	f.install("6.5.0-1-rt-amd64", "") // another flavour
	c.expect(t, "installed linux 6.5.0-1-rt-amd64: ")
	f.install("6.1.0-9-amd64", "#1 SMP Debian 6.1.27-2")
	c.expect(t, "replaced linux 6.1.0-9-amd64: #1 SMP Debian 6.1.27-1 -> #1 SMP Debian 6.1.27-2",
		"reboot_needed machine: a newer kernel is installed: 6.1.0-10-amd64, while 6.1.0-9-amd64 runs; "+
			"the running kernel was replaced: #1 SMP Debian 6.1.27-2, while #1 SMP Debian 6.1.27-1 runs")
	must(t, os.RemoveAll(filepath.Join(f.root, "lib/modules/6.1.0-9-amd64")))
	must(t, os.Remove(filepath.Join(f.root, "boot/vmlinuz-6.1.0-9-amd64")))
	c.expect(t, "removed linux 6.1.0-9-amd64: ", "modules_missing /lib/modules/6.1.0-9-amd64: the running kernel cannot load modules any more",
		"reboot_needed machine: a newer kernel is installed: 6.1.0-10-amd64, while 6.1.0-9-amd64 runs; the modules of the running kernel 6.1.0-9-amd64 are gone")
	if facts, _ := s.Facts(); !facts.ModulesMissing || !facts.RebootNeeded || len(facts.Reasons) != 2 {
		t.Errorf("%+v", facts)
	}
	f.boot("boot-1", time.Now().Add(-time.Hour))
	f.put(f.root, "usr/lib/libc.so.6", "22")
	c.expect(t, "replaced libc: what runs keeps the old one until it is started anew")
	if facts, _ := s.Facts(); facts.LibcReplaced.IsZero() || !facts.SystemdReplaced.IsZero() {
		t.Errorf("%+v", facts)
	}
	f.put(f.root, "usr/lib/systemd/systemd", "1")
	eventually(t, func() error {
		if facts, _ := s.Facts(); facts.SystemdReplaced.IsZero() {
			return fmt.Errorf("%+v", facts)
		}
		return nil
	})
	must(t, stop())

	// The reboot happens while nobody watches.
	saved, err := s.Save()
	must(t, err)
	f.boot("boot-2", time.Now().Add(time.Hour))
	f.put(f.root, "run/reboot-required", "")
	again := f.source("6.1.0-10-amd64", "#1 SMP Debian 6.1.37-1")
	must(t, again.Load(saved))
	start(t, again, c)
	c.expect(t, "booted linux 6.1.0-10-amd64: 6.1.0-9-amd64 -> 6.1.0-10-amd64 (late)",
		"reboot_needed machine: a package asked for it (/run/reboot-required) (late)")
	must(t, os.Remove(filepath.Join(f.root, "run/reboot-required")))
	c.expect(t, "reboot_no_longer_needed machine: ")
	if facts, _ := again.Facts(); facts.RebootNeeded || !facts.LibcReplaced.IsZero() {
		t.Errorf("%+v", facts)
	}
}

// TestKernelsHidden: what may not be looked at did not go away.
func TestKernelsHidden(t *testing.T) {
	f := newFakeMachine(t)
	f.install("6.1.0-9-amd64", "#1")
	c := &collector{}
	s := f.source("6.1.0-9-amd64", "#1")
	must(t, start(t, s, c)())
	saved, err := s.Save()
	must(t, err)
	must(t, os.RemoveAll(filepath.Join(f.root, "lib/modules")))
	must(t, os.Symlink("modules", filepath.Join(f.root, "lib/modules"))) // ELOOP, for root too
	again := f.source("6.1.0-9-amd64", "#1")
	must(t, again.Load(saved))
	stop := start(t, again, c)
	if st := again.Status(); st.State != SourceDegraded || !strings.Contains(st.Reason, "cannot see which kernels") {
		t.Errorf("%+v", st)
	}
	if facts, _ := again.Facts(); facts.RebootNeeded || len(facts.Installed) != 1 {
		t.Errorf("%+v", facts)
	}
	must(t, stop())
	if got := c.details(); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// TestKernelOnlyTree: the tree of the only kernel goes.
// TestKernelsElsewhere holds that kernels and process 1 are seen where a sandbox
// shows them.
func TestKernelsElsewhere(t *testing.T) {
	f := newFakeMachine(t)
	shown := t.TempDir()
	must(t, os.RemoveAll(filepath.Join(f.root, "lib/modules")))
	must(t, os.Rename(filepath.Join(f.proc, "1"), filepath.Join(shown, "1")))
	f.put(shown, "modules/6.1.0/modules.order", "")
	f.put(f.root, "usr/lib/systemd/systemd", "1")
	s := NewKernelSource(KernelOptions{
		Root: f.root, Proc: f.proc, Init: filepath.Join(shown, "1"), Modules: filepath.Join(shown, "modules"),
		Release: "6.1.0", Version: "#1", Settle: 20 * time.Millisecond,
	})
	c := &collector{}
	start(t, s, c)
	if facts, _ := s.Facts(); !slices.Equal(facts.Installed, []string{"6.1.0"}) || facts.ModulesMissing || facts.RebootNeeded {
		t.Errorf("%+v", facts)
	}
	f.put(shown, "modules/6.2.0/modules.order", "")
	c.wait(t, "installed linux 6.2.0")
	f.put(f.root, "usr/lib/systemd/systemd", "2")
	c.wait(t, "replaced systemd")
	must(t, os.RemoveAll(filepath.Join(shown, "modules/6.1.0")))
	c.wait(t, "modules_missing /lib/modules/6.1.0")
}

func TestKernelOnlyTree(t *testing.T) {
	f := newFakeMachine(t)
	f.put(f.root, "lib/modules/6.9.1-arch1-1/vmlinuz", image("6.9.1-arch1-1", "#1 SMP"))
	s, c := f.source("6.9.1-arch1-1", "#1 SMP"), &collector{}
	start(t, s, c)
	must(t, os.Rename(filepath.Join(f.root, "lib/modules/6.9.1-arch1-1"), filepath.Join(f.root, "gone")))
	c.expect(t, "removed linux 6.9.1-arch1-1: ", "modules_missing /lib/modules/6.9.1-arch1-1: the running kernel cannot load modules any more",
		"reboot_needed machine: the modules of the running kernel 6.9.1-arch1-1 are gone")
	must(t, os.Rename(filepath.Join(f.root, "gone"), filepath.Join(f.root, "lib/modules/6.9.1-arch1-1")))
	c.expect(t, "installed linux 6.9.1-arch1-1: #1 SMP", "modules_back /lib/modules/6.9.1-arch1-1: ", "reboot_no_longer_needed machine: ")
}

func TestKernelOfAContainer(t *testing.T) {
	f := &fakeMachine{t, t.TempDir(), t.TempDir()}
	s, c := f.source("6.1.0", "#1"), &collector{}
	startAbsent(t, s, c)
	f.put(f.root, "lib/modules/6.1.0/modules.order", "")
	eventually(t, func() error {
		if st := s.Status(); st.State != SourceRunning {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	c.expect(t, "installed linux 6.1.0: ")
}

func TestKernelOfThisMachine(t *testing.T) {
	s := NewKernelSource(KernelOptions{})
	startAny(t, s, &collector{})
	eventually(t, func() error {
		if facts, ok := s.Facts(); !ok || facts.Running == "" || facts.Build == "" {
			return fmt.Errorf("%+v", facts)
		}
		return nil
	})
	version, err := os.ReadFile("/proc/version")
	must(t, err)
	if facts, _ := s.Facts(); !strings.HasPrefix(string(version), "Linux version "+facts.Running+" ") {
		t.Errorf("%+v is not %s", facts, version)
	}
	if began := (machine{proc: "/proc"}).began(); began.IsZero() || began.After(time.Now()) {
		t.Errorf("process 1 began %v", began)
	}
}

func TestFlavours(t *testing.T) {
	for release, want := range map[string]string{
		"6.1.0-10-amd64": "amd", "6.9.1-arch1-1": "arch", "6.6.30-1-lts": "lts", "5.15.0-100-generic": "generic",
		"6.10.0-rc3-1-mainline": "mainline", "6.8.9-300.fc40.x86_64": "fc.x_", "6.12.1": "", "6.1.0-10-rt-amd64": "rt-amd",
	} {
		if got := flavour(release); got != want {
			t.Errorf("%s: %q, want %q", release, got, want)
		}
	}
	if got := newestLike("6.6.30-1-lts", []string{"6.6.31-1-lts", "6.9.1-arch1-1"}); got != "6.6.31-1-lts" {
		t.Error(got)
	}
	if !sameBuild(strings.Repeat("x", 80), strings.Repeat("x", 64)) || sameBuild("#1 SMP", "#1") {
		t.Error("builds are compared wrongly")
	}
}

func FuzzKernelImage(f *testing.F) {
	f.Add([]byte(image("6.1.0-9-amd64", "#1 SMP Debian 6.1.27-1")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		release, build, err := parseImage(data)
		if err == nil && (release == "" || strings.ContainsAny(release+build, "\x00\n/") && strings.Contains(release, "/")) {
			t.Fatalf("%q, %q", release, build)
		}
	})
}

func FuzzInotify(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00status\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := newDirWatch()
		must(t, err)
		defer w.close()
		w.want(1, "/a", []string{"status"})
		notices, _ := w.parse(data)
		for _, n := range notices {
			if n.name != "" && n.name != "status" {
				t.Fatalf("%+v", n)
			}
		}
	})
}
