package diff

import (
	"context"
	"errors"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// comparerFor is a comparer over a file system without any tree, whose kernel
// tells of sectors of that size.
func comparerFor(t *testing.T, sector uint32) *comparer {
	t.Helper()
	fs, err := btrfs.OpenKernel(&hostile{trees: map[uint64][]btrfs.Item{}}, "hostile", btrfs.Roots{Sys: t.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	info := btrfs.Info{SectorSize: sector, NodeSize: 16384, Checksum: "crc32c"}
	c := &newEngine(t.Context(), fs, info, relation{}, [2]uint64{256, 257}, nil).cmp
	c.tail = func(a, _ *node, pos uint64) Content {
		if pos >= a.Size || a.Size-pos > c.sector {
			t.Errorf("bytes from %d on of a file of %d", pos, a.Size)
		}
		return ContentUnknown
	}
	return c
}

// TestStrangeSectors: whatever size of a sector the kernel tells of, there is
// room for the checksums of all sectors that are asked for at once.
func TestStrangeSectors(t *testing.T) {
	for _, sector := range []uint32{0, 1, 100, 4096, 1 << 20} {
		c := comparerFor(t, sector)
		hole := &segment{end: ^uint64(0), hole: true}
		if _, err := c.sums[from].of(t.Context(), hole, 0, c.sector*sumsAtOnce); err != nil {
			t.Errorf("%d: %v", sector, err)
		}
	}
}

// TestExtentInsideSector: an extent that begins or ends inside of a sector, as
// only a damaged tree has it, is no reason to call two files the same.
func TestExtentInsideSector(t *testing.T) {
	c := comparerFor(t, 4096)
	file := &node{Inode: btrfs.Inode{Size: 5000}}
	for _, r := range [][2]uint64{{6000, 6100}, {6000, 14192}, {0, 100}, {0, 4100}} {
		a := &segment{start: r[0], end: r[1], kind: btrfs.ExtentRegular, address: 1 << 20}
		b := &segment{start: r[0], end: r[1], kind: btrfs.ExtentRegular, address: 1 << 24}
		got, err := c.ranges(t.Context(), a, b, r[0], r[1], file, file)
		if got != ContentUnknown || err != nil {
			t.Errorf("%d to %d: %q, %v; want %q", r[0], r[1], got, err, ContentUnknown)
		}
	}
	for _, stored := range []uint64{0, 100} {
		a := &segment{end: 8192, kind: btrfs.ExtentRegular, compression: 3, ram: 8192, diskBytes: stored, address: 1 << 20}
		b := *a
		b.address = 1 << 24
		got, err := c.ranges(t.Context(), a, &b, 0, 8192, file, file)
		if got != ContentUnknown || err != nil {
			t.Errorf("compressed to %d: %q, %v; want %q", stored, got, err, ContentUnknown)
		}
	}
}

// TestLongZerosStop: a comparison that reads no tree, of zeros that one side has
// in its item and the other as a hole, ends with its context as well.
func TestLongZerosStop(t *testing.T) {
	c := comparerFor(t, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &segment{end: 1 << 24, kind: btrfs.ExtentInline, ram: 1 << 24, inline: make([]byte, 8)}
	b := &segment{end: 1 << 24, hole: true}
	file := &node{Inode: btrfs.Inode{Size: 1 << 24}}
	if got, err := c.ranges(ctx, a, b, 0, 1<<24, file, file); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v; want %v", got, err, context.Canceled)
	}
}
