package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// TestDiskDies asks about a file system whose disk answers nothing any more, not
// even what its root directory is.
func TestDiskDies(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib}, "-m", "single", "-L", "dying")
	for i := range 1000 { // more than the kernel keeps of a mounted tree
		if err := os.Mkdir(filepath.Join(d.Dir, fmt.Sprintf("%03d%s", i, strings.Repeat("n", 200))), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.Unmount(t)
	dir := d.Mount(t, "")
	d.Loops[0].Resize(t, 2*mib)
	var text string
	var status int
	// The kernel answers from memory until that is given up.
	for range 50 {
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
			t.Skip(err)
		}
		if text, _, status = anna(t, 0, noSocket, "storage", "btrfs", dir); strings.Contains(text, "it does not answer") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	first, rest, _ := strings.Cut(text, "\n")
	if status != 0 || !strings.HasPrefix(first, "■ critical · dying ") || !strings.HasPrefix(rest, "  ■ it does not answer: ") || !strings.Contains(rest, "input/output error") {
		t.Errorf("status %d:\n%s", status, text)
	}
	f := annaJSON[Show](t, 0, noSocket, "storage", "btrfs", dir).Filesystems[0]
	if f.Level != health.Critical || len(f.Problems) != 1 || f.UUID == "" || f.Label != "dying" || len(f.Mounts) != 1 || f.Space != nil {
		t.Errorf("%+v", f)
	}
	u := annaJSON[Usages](t, 0, noSocket, "storage", "btrfs", "usage", dir).Filesystems[0]
	if u.Level != health.Critical || u.Space != nil || len(u.Missing) == 0 {
		t.Errorf("%+v", u)
	}
	if _, stderr, status := anna(t, 0, noSocket, "storage", "btrfs", "tree", dir); status != 1 || !strings.Contains(stderr, "input/output error") {
		t.Errorf("tree: status %d, %s", status, stderr)
	}
}
