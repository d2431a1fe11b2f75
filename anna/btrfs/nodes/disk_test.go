package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A grove is a file system with a subvolume of many small files, "live".
type grove struct {
	t    *testing.T
	disk *annatest.Disk
	fs   *btrfs.FS
	info btrfs.Info
}

func newGrove(t *testing.T, devices int, files int, mkfs ...string) *grove {
	t.Helper()
	annatest.Require(t, annatest.Btrfs)
	sizes := make([]int64, devices)
	for i := range sizes {
		sizes[i] = 512 << 20
	}
	g := &grove{t: t, disk: annatest.NewDisk(t, sizes, mkfs...)}
	annatest.Run(t, "btrfs", "subvolume", "create", g.at("live"))
	for i := range files {
		if i%100 == 0 {
			g.ok(os.Mkdir(g.at("live", fmt.Sprint("d", i/100)), 0o755))
		}
		g.ok(os.WriteFile(g.file("live", i), fmt.Append(nil, i), 0o644))
	}
	var err error
	g.fs, err = btrfs.Open(g.disk.Dir, btrfs.Roots{})
	g.ok(err)
	t.Cleanup(func() { g.fs.Close() })
	g.info, err = g.fs.Info()
	g.ok(err)
	return g
}

func (g *grove) ok(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *grove) at(names ...string) string {
	return filepath.Join(append([]string{g.disk.Dir}, names...)...)
}

func (g *grove) file(subvolume string, i int) string {
	return g.at(subvolume, fmt.Sprint("d", i/100), fmt.Sprint("f", i))
}

func (g *grove) snapshot(from, to string) {
	g.t.Helper()
	annatest.Run(g.t, "btrfs", "subvolume", "snapshot", g.at(from), g.at(to))
}

// rewrite writes some files of a subvolume anew.
func (g *grove) rewrite(subvolume string, first, count int) {
	g.t.Helper()
	for i := range count {
		g.ok(os.WriteFile(g.file(subvolume, first+i), []byte("another content"), 0o644))
	}
}

func (g *grove) open() *Reader {
	g.t.Helper()
	r, err := Open(g.t.Context(), g.fs, g.info)
	g.ok(err)
	g.t.Cleanup(r.Close)
	return r
}

// tree is where a subvolume was committed, and its id.
func (g *grove) tree(subvolume string) (Tree, uint64) {
	g.t.Helper()
	g.ok(g.fs.Sync(g.t.Context()))
	one, err := btrfs.Open(g.at(subvolume), btrfs.Roots{})
	g.ok(err)
	defer one.Close()
	id, err := one.SubvolumeOf()
	g.ok(err)
	c := g.fs.NewScanner(btrfs.PointBuffer).Scan(g.t.Context(), btrfs.Range{
		Tree: btrfs.TreeRoot, Limit: 1, Min: btrfs.Key{Object: id, Type: btrfs.TypeRootItem},
		Max: btrfs.Key{Object: id, Type: btrfs.TypeRootItem, Offset: ^uint64(0)},
	})
	if !c.Next() {
		g.t.Fatalf("no root of %d: %v", id, c.Err())
	}
	root, err := btrfs.ParseRootItem(c.Item().Data)
	g.ok(err)
	return TreeOf(root), id
}

// items are all items of a tree.
func (g *grove) items(id uint64) map[btrfs.Key]string {
	g.t.Helper()
	all := map[btrfs.Key]string{}
	c := g.fs.NewScanner(btrfs.ScanBuffer).Scan(g.t.Context(), btrfs.Range{Tree: id, Min: btrfs.MinKey, Max: btrfs.MaxKey})
	for c.Next() {
		all[c.Item().Key] = string(c.Item().Data)
	}
	g.ok(c.Err())
	return all
}

func within(parts []Part, k btrfs.Key) bool {
	for _, p := range parts {
		if p.Low.Compare(k) <= 0 && k.Compare(p.End) < 0 {
			return true
		}
	}
	return false
}

// hold compares two subvolumes item by item: what differs must be in the parts, and
// not much besides. It returns which share of all that is.
func (g *grove) hold(a, b string, most int) float64 {
	g.t.Helper()
	x, idX := g.tree(a)
	y, idY := g.tree(b)
	parts, err := g.open().Apart(g.t.Context(), x, y, most)
	g.ok(err)
	items := [2]map[btrfs.Key]string{g.items(idX), g.items(idY)}
	inside, all := 0, 0
	for w, own := range items {
		other := items[1-w]
		for k, data := range own {
			there, both := other[k]
			in := within(parts[w], k)
			if in {
				inside++
			}
			if all++; !in && (!both || there != data) {
				g.t.Fatalf("%v differs and lies outside of what is apart", k)
			}
		}
	}
	return float64(inside) / float64(all)
}

// TestApart holds it against all items of both trees, on every profile, with small
// and large nodes.
func TestApart(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for _, x := range []struct {
		devices int
		mkfs    string
	}{
		{1, "-m single"},
		{1, "-m dup -n 4096"},
		{1, "-n 32768 --csum sha256"},
		{1, "--mixed"},
		{2, "-m raid0 -d raid0"},
		{2, "-m raid1 -n 4096"},
		{3, "-m raid1c3"},
		{4, "-m raid10 -d raid10 -n 4096"},
		{3, "-m raid5 -d raid5"},
		{4, "-m raid6 -d raid6 -n 4096"},
	} {
		t.Run(x.mkfs, func(t *testing.T) {
			g := newGrove(t, x.devices, 3000, strings.Fields(x.mkfs)...)
			g.snapshot("live", "old")
			g.rewrite("live", 500, 40)
			for i := 900; i < 1000; i++ {
				g.ok(os.Remove(g.file("live", i)))
			}
			if share := g.hold("old", "live", 1000); share > 0.4 {
				t.Errorf("%.2f of all items are apart", share)
			}
			annatest.Run(t, "btrfs", "balance", "start", "--full-balance", g.disk.Dir)
			if share := g.hold("live", "old", 1000); share > 0.4 {
				t.Errorf("after a balance %.2f of all items are apart", share)
			}
			// Others write, and the trees get another level or lose one.
			g.snapshot("old", "branch")
			g.rewrite("branch", 2000, 30)
			for i := range 28 {
				g.ok(os.RemoveAll(filepath.Dir(g.file("live", i*100))))
			}
			g.hold("live", "branch", 1000)
			if share := g.hold("old", "branch", 1000); share > 0.4 {
				t.Errorf("of a branch %.2f of all items are apart", share)
			}
		})
	}
}

// TestApartCoarse: what is not remembered makes the parts larger, not wrong.
func TestApartCoarse(t *testing.T) {
	g := newGrove(t, 1, 6000, "-n", "4096")
	g.snapshot("live", "old")
	g.rewrite("live", 500, 40)
	fine, coarse := g.hold("old", "live", 10000), g.hold("old", "live", 1)
	if fine >= coarse {
		t.Errorf("%.3f of all items are apart, and %.3f if hardly anything is remembered", fine, coarse)
	}
}

// TestNewer tells how much of a tree is young.
func TestNewer(t *testing.T) {
	g := newGrove(t, 1, 6000, "-n", "4096")
	old, _ := g.tree("live")
	g.rewrite("live", 500, 10)
	now, _ := g.tree("live")
	r := g.open()
	for generation, want := range map[uint64][2]float64{0: {1, 1}, old.Generation + 1: {0, 0.3}, now.Generation + 1: {0, 0}} {
		share, last, err := r.Newer(t.Context(), now, generation)
		if err != nil || share < want[0] || share > want[1] || last < 4000 || last > 6400 {
			t.Errorf("since %d: %.2f up to inode %d, %v", generation, share, last, err)
		}
	}
	if share, last, err := r.Newer(t.Context(), Tree{}, 0); share != 0 || last != 0 || err != nil {
		t.Errorf("of a leaf: %v, %v, %v", share, last, err)
	}
}

// TestDamagedNode: a damaged copy is passed over, and where all are damaged there
// is an error that names the device and the place.
func TestDamagedNode(t *testing.T) {
	g := newGrove(t, 1, 3000, "-m", "dup")
	tree, _ := g.tree("live")
	r := g.open()
	list, err := places(r.chunks, tree.Address, uint64(r.format.size))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	back, err := os.OpenFile(g.disk.Loops[0].File, os.O_RDWR, 0)
	g.ok(err)
	defer back.Close()
	device, err := os.Open(g.disk.Loops[0].Path)
	g.ok(err)
	defer device.Close()
	good := make([]byte, r.format.size)
	for i, at := range list {
		_, err = back.ReadAt(good, int64(at.Offset))
		g.ok(err)
		_, err = back.WriteAt(make([]byte, len(good)), int64(at.Offset))
		g.ok(err)
		defer back.WriteAt(good, int64(at.Offset))
		g.ok(unix.Fadvise(int(device.Fd()), 0, 0, unix.FADV_DONTNEED)) // it may have been read before
		if _, _, err = g.open().Newer(t.Context(), tree, 0); (err == nil) != (i == 0) {
			t.Fatalf("%d copies are damaged: %v", i+1, err)
		}
	}
	want := fmt.Sprintf("cannot read node %d: device 1 at %d: something else lies there", tree.Address, list[0].Offset)
	if !strings.Contains(err.Error(), want) {
		t.Errorf("it says %q, wanted %q", err, want)
	}
	// What was there before is in the cache of the device now.
	_, err = back.WriteAt(good, int64(list[1].Offset))
	g.ok(err)
	if _, _, err = r.Newer(t.Context(), tree, 0); err != nil {
		t.Errorf("the cache was believed: %v", err)
	}
}

// TestRefuses: no reader where nothing could be trusted, or nothing is there.
func TestRefuses(t *testing.T) {
	g := newGrove(t, 1, 3000)
	tree, _ := g.tree("live")
	for what, info := range map[string]btrfs.Info{
		"xxhash64": {NodeSize: 16384, Checksum: "xxhash64"},
		"1 bytes":  {NodeSize: 1, Checksum: "crc32c"},
	} {
		if _, err := Open(t.Context(), g.fs, info); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, tree := range map[string]Tree{
		"no chunk":       {^uint64(0) - 1, 9, 1},
		"two levels":     {tree.Address, tree.Generation, tree.Level + 1},
		"of before":      {tree.Address, tree.Generation - 1, tree.Level},
		"too many level": {tree.Address, tree.Generation, 200},
	} {
		if _, err := g.open().Apart(t.Context(), tree, Tree{}, 10); err == nil {
			t.Errorf("%s: read", what)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := g.open()
	cancel()
	if _, err := r.Apart(ctx, tree, Tree{}, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	recorded, err := btrfs.OpenKernel(g.fs.Kernel(), "recorded", btrfs.Roots{})
	g.ok(err)
	r, err = Open(t.Context(), recorded, g.info)
	g.ok(err)
	defer r.Close()
	if _, _, err = r.Newer(t.Context(), tree, 0); !errors.Is(err, unix.ENODEV) {
		t.Errorf("a recording's devices: %v", err)
	}
}
