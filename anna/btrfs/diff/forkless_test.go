package diff

import (
	"path/filepath"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestSameMoment makes files of the same name and number on both sides at the same
// moment, where the snapshot between the two is gone: they are two files.
func TestSameMoment(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{512 << 20})
	fs := openFS(t, disk.Dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	a := hand{t, in("a")}
	a.subvolume(".")
	a.write("old", "1")
	snap(t, in("a"), in("between"))
	snap(t, in("between"), in("b"))
	annatest.Run(t, "btrfs", "subvolume", "delete", "-c", in("between"))
	b := hand{t, in("b")}
	for range 20 { // one of them hits the same tick of the clock
		for _, h := range []hand{a, b} {
			h.remove("new")
			h.write("new", "1")
		}
		got, r := collect(t, fs, subvolumeID(t, a.dir), subvolumeID(t, b.dir), Auto)
		if s := show(got); s != "replaced new content same" || r.Fork != 0 {
			t.Fatalf("fork %d:\n%s", r.Fork, s)
		}
	}
}

// TestPartedLater: two chains of snapshots end at what is gone, and the one that
// ends later is the one behind whose end they parted. What was made in between they
// have in common.
func TestPartedLater(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{512 << 20})
	fs := openFS(t, disk.Dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	gone := func(name string) { annatest.Run(t, "btrfs", "subvolume", "delete", "-c", in(name)) }
	hand{t, in("first")}.subvolume(".")
	snap(t, in("first"), in("second"))
	snap(t, in("second"), in("third"))
	gone("second")
	hand{t, in("third")}.write("d/between", "1")
	a := snap(t, in("third"), in("a"))
	snap(t, in("third"), in("fourth"))
	b := snap(t, in("fourth"), in("b"))
	gone("fourth")
	hand{t, in("b")}.write("d/after", "1")
	got, r := collect(t, fs, a, b, Auto)
	if s := show(got); s != "added d/after" || r.Fork != 0 {
		t.Fatalf("fork %d:\n%s", r.Fork, s)
	}
}
