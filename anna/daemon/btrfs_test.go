package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// moduleOn makes the module with a mount table of its own.
func moduleOn(t *testing.T, table string) *btrfsModule {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	return &btrfsModule{roots: btrfs.Roots{Mountinfo: file}, now: time.Now}
}

func mountLine(id int, dev, point, kind string) string {
	return fmt.Sprintf("%d 1 %s / %s rw,relatime - %s /dev/nowhere rw,subvolid=5,subvol=/\n", id, dev, point, kind)
}

// wantReport holds a state and a part of its reason.
func wantReport(t *testing.T, got capability.Report, state capability.State, why string) {
	t.Helper()
	if got.State != state || !strings.Contains(got.Why, why) || got.Module != "btrfs" || got.Summary == "" {
		t.Errorf("report %+v, want %s because %q", got, state, why)
	}
	if got.State == capability.Degraded && got.Do == "" {
		t.Errorf("report %+v does not say what to do", got)
	}
}

func TestBtrfsReports(t *testing.T) {
	none := moduleOn(t, mountLine(2, "8:1", "/", "ext4"))
	if points := none.look(t.Context()); len(points) != 0 {
		t.Errorf("points of no file system: %v", points)
	}
	wantReport(t, none.report(), capability.Disabled, "no Btrfs file system is mounted")

	lost := &btrfsModule{roots: btrfs.Roots{Mountinfo: filepath.Join(t.TempDir(), "nothing")}, now: time.Now}
	lost.look(t.Context())
	wantReport(t, lost.report(), capability.Failed, "cannot read mounts")

	closed := moduleOn(t, mountLine(2, "0:99", "/there/is/no/such/place", "btrfs"))
	closed.look(t.Context())
	wantReport(t, closed.report(), capability.Degraded, "1 of 1 file systems are hidden by the sandbox: /there/is/no/such/place")

	outside := moduleOn(t, mountLine(2, "8:1", "/", "ext4"))
	outside.machine = moduleOn(t, mountLine(2, "0:99", "/home", "btrfs")+mountLine(3, "0:99", "/srv", "btrfs")).roots.Mountinfo
	outside.look(t.Context())
	wantReport(t, outside.report(), capability.Degraded, "1 of 1 file systems are hidden by the sandbox")
}

// TestBtrfsSince holds that a state's time is that of its beginning.
func TestBtrfsSince(t *testing.T) {
	b := moduleOn(t, "")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.now = func() time.Time { return at }
	b.look(t.Context())
	first := b.report().Since
	at = at.Add(time.Hour)
	b.look(t.Context())
	if since := b.report().Since; !since.Equal(first) || since.IsZero() {
		t.Errorf("disabled since %v, and an hour later since %v", first, since)
	}
}

// TestBtrfsPoints measures a real file system, with the privilege and without.
func TestBtrfsPoints(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 << 20})
	annatest.WriteFile(t, d.Dir, "data", 20<<20)
	fs, err := btrfs.Open(d.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	space, err := fs.Space(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"btrfs_used_bytes":              20 << 20, // and a little metadata
		"btrfs_allocated_bytes":         float64(space.Allocated),
		"btrfs_unallocated_bytes":       float64(space.Unallocated),
		"btrfs_free_bytes":              float64(space.Type(btrfs.Data).Free()),
		"btrfs_metadata_headroom_bytes": float64(space.Headroom.Bytes),
	}
	b := newBtrfsModule(view{})
	b.machine = ""
	b.roots.Mountinfo = onlyMount(t, d.Dir)
	check := func(tolerance float64) {
		t.Helper()
		got := map[string]float64{}
		for _, p := range b.look(t.Context()) {
			got[p.Series] = p.Value
		}
		if len(got) != len(want) {
			t.Errorf("points %v", got)
		}
		for name, v := range want {
			if g := got[name+"{"+fs.FSID.String()+"}"]; g < v || g > v+tolerance {
				t.Errorf("%s = %v, want %v", name, g, v)
			}
		}
	}
	check(1 << 20)
	wantReport(t, b.report(), capability.Active, "")

	// Of the capabilities each thread has its own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&head, &had[0]); err != nil {
		t.Fatal(err)
	}
	less := had
	less[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	if err := unix.Capset(&head, &less[0]); err != nil {
		t.Fatal(err)
	}
	defer unix.Capset(&head, &had[0])
	check(8 << 20) // without the holes what could be allocated is an upper bound
	wantReport(t, b.report(), capability.Degraded, "without CAP_SYS_ADMIN")
}

// onlyMount is a mount table with one mount of the live one.
func onlyMount(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mountinfo")
	for line := range strings.Lines(string(all)) {
		if strings.Contains(line, " "+dir+" ") {
			if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
	}
	t.Fatalf("%s is not mounted", dir)
	return ""
}

// TestBtrfsRun holds that it looks at once, then from time to time, and ends.
func TestBtrfsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := moduleOn(t, "")

		go func() {
			b.run(t.Context(), func(time.Time, ...telemetry.Point) { t.Error("points of no file system") })
		}()
		synctest.Wait()
		wantReport(t, b.report(), capability.Disabled, "no Btrfs")
		if err := os.Remove(b.roots.Mountinfo); err != nil {
			t.Fatal(err)
		}
		time.Sleep(btrfsEvery + time.Second)
		wantReport(t, b.report(), capability.Failed, "cannot read mounts")
	})
}
