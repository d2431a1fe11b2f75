package btrfs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// scrubOn makes a file system and the environment in which scrub.sh finds anna.
func scrubOn(t *testing.T) *annatest.Disk {
	t.Helper()
	annatest.Require(t, annatest.Btrfs, "jq")
	t.Setenv("ANNA", filepath.Join(annatest.Build(t), "anna"))
	t.Setenv("ANNA_SOCKET", filepath.Join(t.TempDir(), "none.sock"))
	t.Setenv("SUPPLIES", t.TempDir())
	d := annatest.NewDisk(t, []int64{400 << 20})
	annatest.WriteFile(t, d.Dir, "file", 4<<20)
	uuid := strings.TrimSpace(annatest.Run(t, "findmnt", "-no", "UUID", d.Dir))
	t.Cleanup(func() { os.Remove("/var/lib/btrfs/scrub.status." + uuid) })
	return d
}

func wantRun(t *testing.T, status int, said string, args ...string) {
	t.Helper()
	out, got := run(t, "scrub.sh", args...)
	if got != status || !strings.Contains(out, said) {
		t.Errorf("%v: status %d, want %d and %q in\n%s", args, got, status, said, out)
	}
}

func TestScrubScript(t *testing.T) {
	d := scrubOn(t)
	wantRun(t, 0, "Exit status", "--help")
	wantRun(t, 64, "unknown word '--all'", "--all")
	wantRun(t, 64, "needs a value", "--limit")
	wantRun(t, 1, "not on a Btrfs file system", "/proc")
	wantRun(t, 0, "would run", "--dry-run", "--readonly", d.Dir)
	if out := annatest.Run(t, "btrfs", "scrub", "status", d.Dir); !strings.Contains(out, "no stats available") {
		t.Errorf("a dry run scrubbed:\n%s", out)
	}
	wantRun(t, 0, "finished", d.Dir, d.Dir)
	if out := annatest.Run(t, "btrfs", "scrub", "status", d.Dir); !strings.Contains(out, "finished") {
		t.Errorf("btrfs-progs know of none:\n%s", out)
	}
	wantRun(t, 64, "flag --limit needs a size", "--limit", "much", d.Dir)
}

func TestScrubScriptOnBattery(t *testing.T) {
	d := scrubOn(t)
	supply := func(name string, values map[string]string) {
		dir := filepath.Join(os.Getenv("SUPPLIES"), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for k, v := range values {
			if err := os.WriteFile(filepath.Join(dir, k), []byte(v+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	supply("mouse", map[string]string{"type": "Battery", "scope": "Device", "status": "Discharging"})
	wantRun(t, 0, "would run", "--dry-run", d.Dir)
	supply("BAT0", map[string]string{"type": "Battery", "status": "Discharging"})
	wantRun(t, 0, "on battery: nothing", d.Dir)
	wantRun(t, 0, "would run", "--dry-run", "--on-battery", d.Dir)
	supply("AC", map[string]string{"type": "Mains", "online": "1"})
	wantRun(t, 0, "would run", "--dry-run", d.Dir)
}

// TestScrubScriptWhileScrubbing leaves a file system alone that is busy.
func TestScrubScriptWhileScrubbing(t *testing.T) {
	d := scrubOn(t)
	annatest.WriteFile(t, d.Dir, "more", 100<<20)
	uuid := strings.TrimSpace(annatest.Run(t, "findmnt", "-no", "UUID", d.Dir))
	limit := "/sys/fs/btrfs/" + uuid + "/devinfo/1/scrub_speed_max"
	if err := os.WriteFile(limit, []byte("20M"), 0o600); err != nil {
		t.Fatal(err)
	}
	scrub := exec.Command("btrfs", "scrub", "start", "-B", d.Dir)
	if err := scrub.Start(); err != nil {
		t.Fatal(err)
	}
	defer scrub.Wait()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if out, _ := run(t, "scrub.sh", "--dry-run", d.Dir); strings.Contains(out, "left alone") {
			break
		}
	}
	wantRun(t, 0, "left alone, a scrub runs", d.Dir)
	annatest.Run(t, "btrfs", "scrub", "cancel", d.Dir)
}
