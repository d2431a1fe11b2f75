package annatest

import (
	"os/exec"
	"testing"
	"time"
)

// TestPull pulls a device while another mount namespace still holds a copy of
// the mount, as when a container starts beside the tests. Without waiting for
// it the kernel remembers the device, and a degraded mount finds it again.
func TestPull(t *testing.T) {
	Require(t, Btrfs, "unshare")
	t.Parallel()
	d := NewDisk(t, []int64{256 << 20, 256 << 20}, "-m", "raid1", "-d", "raid1")
	other := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; sleep 0.5")
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.Unmount(t)
	d.Loops[1].Pull(t)
	t.Logf("pulled after %v", time.Since(began))
	if err := d.MountAt(t, t.TempDir(), ""); err == nil {
		t.Error("a raid1 without one of its devices mounts as if it were whole")
	}
	_ = other.Wait()
}
