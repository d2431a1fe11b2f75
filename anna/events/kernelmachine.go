package events

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A machine is where kernels and libraries lie.
type machine struct{ root, proc, init, modules, release, version string }

func (m machine) path(names ...string) string {
	return filepath.Join(append([]string{m.root}, names...)...)
}

// moduleTree are names one of which is in every tree of modules; what DKMS
// leaves behind has none.
var moduleTree = []string{"modules.builtin", "modules.order", "kernel", "vmlinuz"}

// flagFile is how Debian's packages ask for a reboot.
const flagFile = "reboot-required"

func (m machine) watch(w *dirWatch) error {
	err := errors.Join(
		w.watch(m.modules), w.watch(m.path("boot")), w.watch(m.path("run"), flagFile),
		w.watch(filepath.Join(m.modules, m.release), moduleTree...))
	files := m.systemdPlaces()
	if libc := m.libc(); libc != "" {
		files = append(files, libc)
	}
	for _, file := range files {
		err = errors.Join(err, w.watch(filepath.Dir(file), filepath.Base(file)))
	}
	return err
}

// look says what is there, for the tracker and for people. before is what was
// reported: it holds for what may not be looked at (a sandbox may hide the
// modules), which is the error.
func (m machine) look(before map[string]KernelSeen) (map[string]KernelSeen, KernelFacts, error) {
	seen := map[string]KernelSeen{"running": {Release: m.release, Build: m.version, Boot: m.bootID()}}
	facts := KernelFacts{Running: m.release, Build: m.version}
	kernels, trees, err := m.installed()
	if err != nil {
		kernels, trees = knownKernels(before)
	}
	for release, build := range kernels {
		facts.Installed = append(facts.Installed, release)
		seen["kernel/"+release] = KernelSeen{Release: release, Build: build}
	}
	slices.SortFunc(facts.Installed, compareReleases)
	because := func(format string, args ...any) { facts.Reasons = append(facts.Reasons, fmt.Sprintf(format, args...)) }
	if newest := newestLike(m.release, facts.Installed); newest != "" && compareReleases(newest, m.release) > 0 {
		because("a newer kernel is installed: %s, while %s runs", newest, m.release)
	}
	if build := kernels[m.release]; build != "" && m.version != "" && !sameBuild(build, m.version) {
		because("the running kernel was replaced: %s, while %s runs", build, m.version)
	}
	if trees[m.release] {
		seen["modules"] = KernelSeen{Release: m.release, State: modulesThere}
	} else if before["modules"].Release == m.release || len(trees) > 0 {
		seen["modules"] = KernelSeen{Release: m.release, State: modulesMissing}
		facts.ModulesMissing = true
		because("the modules of the running kernel %s are gone", m.release)
	}
	if _, err := os.Stat(m.path("run", flagFile)); err == nil {
		because("a package asked for it (/run/%s)", flagFile)
	}
	facts.RebootNeeded = len(facts.Reasons) > 0
	seen["reboot"] = KernelSeen{State: strings.Join(facts.Reasons, "; ")}

	began := m.began()
	facts.LibcReplaced = m.library(seen, "libc", m.libc(), began)
	if file := m.systemd(); file != "" {
		facts.SystemdReplaced = m.library(seen, "systemd", file, began)
		if m.runs(file) {
			facts.SystemdReplaced = time.Time{} // it was executed anew
		}
	}
	return seen, facts, err
}

// knownKernels are those of an earlier look.
func knownKernels(before map[string]KernelSeen) (builds map[string]string, trees map[string]bool) {
	builds, trees = map[string]string{}, map[string]bool{}
	for key, v := range before {
		if strings.HasPrefix(key, "kernel/") {
			builds[v.Release] = v.Build
		}
	}
	if modules, known := before["modules"]; known && modules.State == modulesThere {
		trees[modules.Release] = true
	}
	return builds, trees
}

// library notes a file, and returns when it was put there if that was after
// the machine began.
func (m machine) library(seen map[string]KernelSeen, name, file string, began time.Time) time.Time {
	var st unix.Stat_t
	if file == "" || unix.Stat(file, &st) != nil {
		return time.Time{}
	}
	seen[name] = KernelSeen{File: fmt.Sprintf("%d:%d:%d", st.Ino, st.Size, st.Mtim.Nano())}
	// A package manager keeps the time of the build (st_mtim); when the file
	// came here only st_ctim tells.
	changed := time.Unix(st.Ctim.Unix()).UTC()
	if began.IsZero() || changed.Before(began.Add(startSlack)) {
		return time.Time{}
	}
	return changed
}

// startSlack is how exact the start of process 1 is known.
const startSlack = 2 * time.Second

// installed finds the kernels and what their images say they are, and of which
// the modules are there.
func (m machine) installed() (builds map[string]string, trees map[string]bool, err error) {
	builds, trees = map[string]string{}, map[string]bool{}
	dir, err := os.Open(m.modules)
	switch {
	case err == nil:
		dir.Close()
	case !errors.Is(err, os.ErrNotExist):
		return nil, nil, fmt.Errorf("cannot see which kernels are installed: %w", err)
	}
	for _, dir := range listed(m.modules, func(string) bool { return true }) {
		release := filepath.Base(dir)
		for _, name := range moduleTree {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				trees[release], builds[release] = true, ""
				break
			}
		}
		if _, build, err := readImage(filepath.Join(dir, "vmlinuz")); err == nil && trees[release] {
			builds[release] = build
		}
	}
	for _, path := range listed(m.path("boot"), isImage) {
		release, build, err := readImage(path)
		if err != nil { // not for us to read, or of another architecture: its name must do
			release = strings.TrimPrefix(filepath.Base(path), "vmlinuz-")
			if release[0] < '0' || release[0] > '9' {
				continue // "vmlinuz-linux": of a tree that is there
			}
		}
		if builds[release] == "" {
			builds[release] = build
		}
	}
	return builds, trees, nil
}

func (m machine) bootID() string {
	return readAttr(filepath.Join(m.proc, "sys/kernel/random/boot_id"))
}

// began is when process 1 was started: the boot, or the container's start;
// zero when that cannot be read.
func (m machine) began() time.Time {
	var boot int64
	for line := range strings.Lines(readFileMost(filepath.Join(m.proc, "stat"))) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			boot, _ = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	stat := readFileSome(filepath.Join(m.init, "stat"))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const start, perSecond = 22 - 3, 100 // proc_pid_stat(5); USER_HZ is 100 everywhere
	if boot <= 0 {
		return time.Time{}
	}
	at := time.Unix(boot, 0)
	if len(fields) > start {
		if ticks, err := strconv.ParseInt(fields[start], 10, 64); err == nil && ticks >= 0 {
			at = at.Add(time.Duration(ticks/perSecond) * time.Second)
		}
	}
	return at
}

// readFileMost is for /proc/stat, which has a line for every processor.
func readFileMost(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 4<<20))
	return string(b)
}

// triplets are Debian's names of directories for libraries.
var triplets = map[string]string{
	"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "386": "i386-linux-gnu", "arm": "arm-linux-gnueabihf",
	"ppc64le": "powerpc64le-linux-gnu", "riscv64": "riscv64-linux-gnu", "s390x": "s390x-linux-gnu", "loong64": "loongarch64-linux-gnu",
}

// libc finds the C library; "" where there is none.
func (m machine) libc() string {
	places := []string{"usr/lib64/libc.so.6", "lib64/libc.so.6", "usr/lib/libc.so.6", "lib/libc.so.6"}
	if triplet := triplets[runtime.GOARCH]; triplet != "" {
		places = append([]string{"usr/lib/" + triplet + "/libc.so.6", "lib/" + triplet + "/libc.so.6"}, places...)
	}
	for _, place := range places {
		if _, err := os.Stat(m.path(place)); err == nil {
			return m.path(place)
		}
	}
	musl := listed(m.path("lib"), func(name string) bool {
		return strings.HasPrefix(name, "ld-musl-") && strings.HasSuffix(name, ".so.1")
	})
	if len(musl) > 0 {
		return musl[0]
	}
	return ""
}

// systemdPlaces are where systemd may lie; none where it is not process 1.
func (m machine) systemdPlaces() []string {
	if readAttr(filepath.Join(m.init, "comm")) != "systemd" {
		return nil
	}
	return []string{m.path("usr/lib/systemd/systemd"), m.path("lib/systemd/systemd")}
}

func (m machine) systemd() string {
	for _, place := range m.systemdPlaces() {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return ""
}

// runs says that process 1 is known to run this very file; root alone may see
// that.
func (m machine) runs(file string) bool {
	var running, installed unix.Stat_t
	return unix.Stat(filepath.Join(m.init, "exe"), &running) == nil && unix.Stat(file, &installed) == nil &&
		running.Ino == installed.Ino && running.Dev == installed.Dev
}
