package btrfs

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// snapshots makes n snapshots as snapper lays them out, each in a directory
// of its own beside an information file.
func snapshots(tb testing.TB, dir string, n int) {
	tb.Helper()
	const snapCreate = 0x50009401 // BTRFS_IOC_SNAP_CREATE
	annatest.Run(tb, "btrfs", "subvolume", "create", filepath.Join(dir, "@"))
	annatest.Run(tb, "btrfs", "subvolume", "create", filepath.Join(dir, ".snapshots"))
	src, err := os.Open(filepath.Join(dir, "@"))
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	for i := range n {
		at := filepath.Join(dir, ".snapshots", fmt.Sprint(i+1))
		if err := os.Mkdir(at, 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "info.xml"), make([]byte, 200), 0o600); err != nil {
			tb.Fatal(err)
		}
		f, err := os.Open(at)
		if err != nil {
			tb.Fatal(err)
		}
		var a [4096]byte
		ne.PutUint64(a[:], uint64(src.Fd()))
		copy(a[8:], "snapshot")
		err = file{f}.Ioctl(snapCreate, a[:])
		f.Close()
		if err != nil {
			tb.Fatal(err)
		}
	}
	annatest.Run(tb, "btrfs", "filesystem", "sync", dir)
}

// TestMany: thousands of subvolumes cost few calls and little memory.
func TestMany(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	n := 5000
	if testing.Short() {
		n = 500
	}
	d := annatest.NewDisk(t, []int64{4 * gib}, "-m", "single")
	snapshots(t, d.Dir, n)
	fs := openFS(t, d.Dir)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	list := must(fs.Subvolumes(t.Context()))(t)
	runtime.ReadMemStats(&after)
	none(t, list.Missing)
	if len(list.List) != n+3 {
		t.Fatalf("%d subvolumes, want %d", len(list.List), n+3)
	}
	if want := fmt.Sprintf("/.snapshots/%d/snapshot", n); list.List[n+2].Path != want || list.List[n+2].Reach[0].Path != d.Dir+want {
		t.Errorf("last is %q, reached by %v; want %q", list.List[n+2].Path, list.List[n+2].Reach, want)
	}
	if list.Calls > 25 {
		t.Errorf("%d searches for %d subvolumes", list.Calls, n)
	}
	used := (after.TotalAlloc - before.TotalAlloc) >> 10
	t.Logf("%d subvolumes: %d searches, %d KiB allocated in all", n, list.Calls, used)
	if used > 12<<10 {
		t.Errorf("%d KiB allocated", used)
	}
	walked := must(fs.walkSubvolumes(t.Context()))(t)
	if len(walked.walked) != n+3 || len(walked.Missing) != 0 {
		t.Errorf("the walk finds %d, missing %v", len(walked.walked), walked.Missing)
	}
}

// BenchmarkSubvolumes reads 5 000 subvolumes with every attribute, beside
// `btrfs subvolume list -a`, which shows id, generation and path.
func BenchmarkSubvolumes(b *testing.B) {
	annatest.Require(b, annatest.Btrfs)
	for _, n := range []int{5000, 10000} {
		d := annatest.NewDisk(b, []int64{8 * gib}, "-m", "single")
		snapshots(b, d.Dir, n)
		fs := openFS(b, d.Dir)
		b.Run(fmt.Sprintf("ours-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := fs.Subvolumes(b.Context())
				if err != nil || len(list.List) != n+3 {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("walk-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := fs.walkSubvolumes(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("progs-%d", n), func(b *testing.B) {
			for b.Loop() {
				c := exec.Command("btrfs", "subvolume", "list", "-a", d.Dir)
				c.Stdout = io.Discard
				if err := c.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSpace is the whole space view of a small file system.
func BenchmarkSpace(b *testing.B) {
	annatest.Require(b, annatest.Btrfs)
	d := annatest.NewDisk(b, []int64{gib, gib}, "-m", "raid1", "-d", "raid1")
	fs := openFS(b, d.Dir)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fs.Space(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAllocator simulates 2 PiB over 24 unequal devices.
func BenchmarkAllocator(b *testing.B) {
	a := Allocator{ChunkSize: 10 * gib, NodeSize: 16384}
	for i := range uint64(24) {
		size := (40 + 5*i) << 40
		a.Rooms = append(a.Rooms, Room{Device: i + 1, Holes: []uint64{size}})
		a.Writable += size
	}
	for b.Loop() {
		if a.Fill(Data|RAID1).Bytes == 0 {
			b.Fatal("nothing")
		}
	}
}
