package telemetry

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestFrozenDisk freezes the file system while it is written to: the writer hangs,
// and nothing else of the process does. What hangs in a fault of mapped memory would
// hold up the next collection of garbage, and with it everything.
func TestFrozenDisk(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{128 << 20})
	mount, err := os.Open(disk.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mount.Close() }) // before the disk is unmounted
	c := startChild(t, filepath.Join(disk.Dir, "state"))
	for range 20 { // the database is in use
		c.lines.Scan()
	}
	const freeze, thaw = 0xc0045877, 0xc0045878 // FIFREEZE, FITHAW
	for range 5 {
		if err := unix.IoctlSetInt(int(mount.Fd()), freeze, 0); err != nil {
			t.Fatal(err)
		}
		again := func() {
			if err := unix.IoctlSetInt(int(mount.Fd()), thaw, 0); err != nil {
				t.Error(err)
			}
		}
		late := time.AfterFunc(20*time.Second, again)
		for n := 0; n < 20 && c.lines.Scan(); {
			if c.lines.Text() == "alive" {
				n++
			}
		}
		if !late.Stop() {
			t.Fatal("the process hung as long as the disk did")
		}
		again()
		for c.lines.Scan() && c.lines.Text() == "alive" {
		}
	}
}
