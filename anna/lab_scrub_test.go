package anna_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestScrubOnSystemd starts a scrub where systemd runs: in a unit of its own,
// which outlives the command, under the unit's sandbox; and the daemon, which
// may see nothing of it by itself, knows it afterwards.
func TestScrubOnSystemd(t *testing.T) {
	annatest.Require(t, annatest.Btrfs, "nsenter")
	unit, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "dist/anna-scrub@.service"))
	if err != nil {
		t.Fatal(err)
	}
	disk := annatest.NewDisk(t, []int64{400 << 20})
	annatest.WriteFile(t, disk.Dir, "file", 20<<20)
	lab := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")),
		annatest.File("/usr/lib/systemd/system/anna-scrub@.service", string(unit), 0o644))
	lab.MountBtrfs(disk, "/srv/my data")
	lab.ShowBtrfs()
	lab.Must("systemctl", "enable", "--now", "annad.socket", "annad.service")

	out := lab.Must("annactl", "storage", "btrfs", "scrub", "start", "/srv/my data")
	if !strings.Contains(out, `anna-scrub@srv-my\x20data.service`) {
		t.Errorf("it does not say where the scrub runs:\n%s", out)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		out := lab.Must("sh", "-c", "annactl storage btrfs scrub history '/srv/my data'; systemctl status --no-pager 'anna-scrub@srv-my\\x20data.service' || true")
		if strings.Contains(out, "finished") && strings.Contains(out, "no errors") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the scrub is not told as finished:\n%s", out)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if result := lab.Must("systemctl", "show", "--property=Result", "--value", `anna-scrub@srv-my\x20data.service`); result != "success" {
		t.Errorf("the unit ended with %s", result)
	}
}
