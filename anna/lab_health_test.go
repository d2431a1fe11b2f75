package anna_test

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// faultyAnna builds the same program with the faults that a build tag adds.
func faultyAnna(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "annad")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "annafaults", "-o", out, ".")
	build.Dir, build.Env = annatest.RepoRoot(t), append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the faulty anna: %v\n%s", err, text)
	}
	return out
}

// TestNoFaultsAreShipped holds that the program without the tag cannot be told
// to misbehave, by its text, by what it says it was built with, and by trying;
// and that nothing that builds what is shipped knows the tag.
func TestNoFaultsAreShipped(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program a second time: run it without -short")
	}
	const marker = "this anna misbehaves for tests"
	shipped := filepath.Join(annatest.Build(t), "anna")
	for path, want := range map[string]bool{faultyAnna(t): true, shipped: false} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tagged := slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-tags" && s.Value == "annafaults" })
		if got := bytes.Contains(text, []byte(marker)); got != want || tagged != want {
			t.Errorf("%s has faults: %v, and its tag: %v", path, got, tagged)
		}
	}

	d := annatest.Daemon(t, "")
	if err := os.WriteFile(filepath.Join(d.State, "faults"), []byte("deaf hang flood"), 0o644); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // one with faults looks every 60 ms
	for _, words := range []string{"health", "events --json"} {
		out, err := exec.Command(shipped, append(strings.Fields(words), "--socket", d.Socket)...).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("tested")) {
			t.Errorf("anna %s: %v\n%s", words, err, out)
		}
	}

	root := annatest.RepoRoot(t)
	for _, place := range []string{".ci", "scripts", "dist", "justfile"} {
		err := filepath.WalkDir(filepath.Join(root, place), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("annafaults")) {
				t.Errorf("%s builds with faults", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

const hasty = `
[health]
interval = "200ms"
raise_after = "400ms"
clear_after = "1s"
[events]
debounce = "100ms"
cooldown = "200ms"
`

// TestHealthOnSystemd has the real daemon fall ill in each way, under the
// shipped unit with its limits, and reads in the journal that it says so, and
// that it says when it is well again.
//
// The same on cgroup v2, which has pressure and counts kills: see
// "On cgroup v2" in docs/HEALTH-CHECKS.md.
func TestHealthOnSystemd(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for real faults: run it without -short")
	}
	t.Parallel()
	lab := annatest.Lab(t, annatest.Anna(faultyAnna(t)), annatest.File("/etc/anna/config.toml", hasty, 0o644))
	journal := func() string { return lab.Journal("annad.service") + "\n" }
	before := 0 // what was in the journal when the fault that is looked at began
	waits := func(text string, patience time.Duration) {
		t.Helper()
		began := time.Now()
		for !strings.Contains(journal()[before:], text) {
			if time.Since(began) > patience {
				t.Fatalf("no %q in the journal:\n%s", text, journal())
			}
			time.Sleep(300 * time.Millisecond)
		}
		t.Logf("after %s: %s", time.Since(began).Round(100*time.Millisecond), text)
	}
	fault := func(words string) { before = len(journal()); lab.Write("/var/lib/anna/faults", words) }
	lab.Must("systemctl", "enable", "--now", "annad.socket")
	lab.Must("systemctl", "start", "annad.service")

	lab.Must("mv", "/run/anna/annad.sock", "/run/anna/away")
	waits("critical: The socket is not as it should be (socket): /run/anna/annad.sock is missing", time.Minute)
	if status := lab.Must("systemctl", "show", "-P", "StatusText", "annad.service"); !strings.Contains(status, "critical: socket") {
		t.Errorf("systemd shows %q", status)
	}
	lab.Must("mv", "/run/anna/away", "/run/anna/annad.sock")
	waits(": The socket is not as it should be (socket)\n", time.Minute)

	// Events that wait because each takes long, which is no hanging loop.
	fault("slow flood")
	waits("critical: Events wait to be processed (queue)", time.Minute)
	if text := journal()[before:]; strings.Contains(text, "The event loop hangs") {
		t.Errorf("slow is not hung:\n%s", text)
	}
	fault("")
	waits("Events wait to be processed (queue)\n", time.Minute)

	fault("hang flood")
	waits("critical: Events wait to be processed (queue)", time.Minute)
	waits("critical: The event loop hangs (event_loop)", time.Minute)
	if out, _, exit := lab.Run("annactl", "health", "--json"); exit != 4 || !strings.Contains(out, `"hides":["queue`) {
		t.Errorf("a cause hides its consequences: status %d\n%s", exit, out)
	}
	fault("")
	waits("The event loop hangs (event_loop)\n", time.Minute)
	before = 0 // the slow ones may have been too many already
	waits("warning: Events were lost (events_dropped)", time.Minute)

	fault("leak")
	waits("warning: The daemon's memory grows large (memory)", 2*time.Minute)
	waits("critical: The daemon's memory grows large (memory)", time.Minute)
	restarted := func() bool { return lab.Must("systemctl", "show", "-P", "NRestarts", "annad.service") == "1" }
	for began := time.Now(); !restarted(); time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("it was not killed:\n%s", journal())
		}
	}
	fault("")
	for began := time.Now(); strings.Count(journal(), "ready version=") < 2; time.Sleep(200 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("it did not start again:\n%s", journal())
		}
	}
	text := journal()
	warned, crit := strings.Index(text, "warning: The daemon's memory"), strings.Index(text, "critical: The daemon's memory")
	killed := strings.LastIndex(text, "ready version=")
	if warned < 0 || crit < 0 || crit > killed || warned > killed {
		t.Errorf("both levels stand before the restart: %d, %d, %d\n%s", warned, crit, killed, text)
	}
	out, errs, exit := lab.Run("anna", "doctor", "check", "previous_run", "--timeout", "20s")
	if exit != 3 || !strings.Contains(out, "of 80 MB") || !strings.Contains(out, "memory critical") {
		t.Errorf("the doctor does not tell what happened: status %d\n%s%s", exit, out, errs)
	}
	t.Logf("the doctor says:\n%s", out)

	// The journal's own fields.
	var record map[string]any
	line, _, _ := strings.Cut(lab.Must("journalctl", "-o", "json", "-n", "1", "ANNA_FINDING=memory", "ANNA_LEVEL=critical"), "\n")
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for field, want := range map[string]string{
		"MESSAGE_ID": "5f1d2ce1a64c4c6e9a3c9c8a7f0e51b2", "PRIORITY": "3", "ANNA_TRANSITION": "", "ANNA_FIGURE": "memory_mb.working_set",
		"ANNA_UNIT": "MB", "ANNA_THRESHOLD": "70", "_SYSTEMD_UNIT": "annad.service", "SYSLOG_IDENTIFIER": "annad",
	} {
		if got, _ := record[field].(string); got == "" || want != "" && got != want {
			t.Errorf("%s is %v, not %q", field, record[field], want)
		}
	}
}

// A faulty is the daemon with faults, on its own.
type faulty struct {
	*exec.Cmd
	socket, state string
	log           annatest.Buffer
}

func startFaulty(t *testing.T, state string) *faulty {
	t.Helper()
	dir, err := os.MkdirTemp("", "anna-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &faulty{socket: filepath.Join(dir, "annad.sock"), state: state}
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(hasty), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Cmd = exec.Command(faultyAnna(t), "--config", file, "--socket", d.socket, "--state-dir", state)
	d.Stderr = &d.log
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Process.Kill(); d.Wait() })
	d.waits(t, time.Minute, "ready ")
	return d
}

// waits waits until the log has a text.
func (d *faulty) waits(t *testing.T, patience time.Duration, text string) {
	t.Helper()
	for began := time.Now(); !strings.Contains(d.log.String(), text); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > patience {
			_ = d.Process.Signal(syscall.SIGQUIT) // it says what it is at
			time.Sleep(time.Second)
			t.Fatalf("the log has no %q:\n%s", text, d.log.String())
		}
	}
}

// TestThrottled puts the daemon into a cgroup that may use a fifth of a CPU, and
// has it want more.
func TestThrottled(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a real limit: run it without -short")
	}
	annatest.Require(t, annatest.Root)
	const cpu = "/sys/fs/cgroup/cpu"
	group := filepath.Join(cpu, "annatest-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skipf("needs the CPU controller of cgroup v1 at %s: %v", cpu, err)
	}
	t.Parallel()
	t.Cleanup(func() {
		for range 100 { // the kernel takes a moment
			if os.Remove(group) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s stays", group)
	})
	d := startFaulty(t, t.TempDir())
	for file, text := range map[string]string{"cpu.cfs_quota_us": "20000", "cgroup.procs": strconv.Itoa(d.Process.Pid)} {
		if err := os.WriteFile(filepath.Join(group, file), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	busy := filepath.Join(d.state, "faults")
	if err := os.WriteFile(busy, []byte("busy"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.waits(t, time.Minute, ": The CPU limit slows the daemon (cpu_throttling): ")
	if err := os.Remove(busy); err != nil {
		t.Fatal(err)
	}
	d.waits(t, time.Minute, "The CPU limit slows the daemon (cpu_throttling) finding=")
}

// FIFREEZE and FITHAW stop and let go on all writing to a file system
// (linux/fs.h).
const (
	fiFreeze = 0xC0045877
	fiThaw   = 0xC0045878
)

// TestStalledStore freezes the file system below the state directory: what
// writes there hangs in the kernel. The daemon must answer on, say what hangs,
// and say when it does no more.
func TestStalledStore(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a real disk to hang: run it without -short")
	}
	t.Parallel()
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{128 << 20})
	mount, err := os.Open(disk.Dir)
	if err != nil {
		t.Fatal(err)
	}
	frozen := false
	thaw := func() {
		if frozen {
			frozen = false
			if err := unix.IoctlSetInt(int(mount.Fd()), fiThaw, 0); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() { mount.Close() }) // before the disk is unmounted
	d := startFaulty(t, filepath.Join(disk.Dir, "state"))
	t.Cleanup(thaw) // before the daemon ends
	if err := unix.IoctlSetInt(int(mount.Fd()), fiFreeze, 0); err != nil {
		t.Fatal(err)
	}
	frozen = true
	// Something to write at once: another finding.
	if err := os.Chmod(d.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	anna := filepath.Join(annatest.Build(t), "anna")
	d.waits(t, time.Minute, "warning: The disk under the state directory hangs (store_stalled)")
	out, err := exec.Command(anna, "health", "--socket", d.socket).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "The disk under the state directory hangs") {
		t.Errorf("while the disk hangs: %v\n%s", err, out)
	}
	thaw()
	d.waits(t, time.Minute, "The disk under the state directory hangs (store_stalled) finding=")
	if strings.Contains(d.log.String(), "The event loop hangs") {
		t.Errorf("the cause did not hide its consequence:\n%s", d.log.String())
	}
}
