package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestUnlinkedClosed: the last descriptor of a file without a name is closed
// during a comparison. The kernel then removes its inode from the tree, now or
// whenever it gets to it, and the generation of the subvolume moves; but of what
// is compared nothing changed.
func TestUnlinkedClosed(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	h := hand{t, filepath.Join(disk.Dir, "live")}
	h.subvolume(".")
	for i := range 50 {
		h.write(fmt.Sprint("f", i), "1")
	}
	old := snap(t, h.dir, filepath.Join(disk.Dir, "old"), "-r")
	live := subvolumeID(t, h.dir)
	h.write("f7", "2")
	h.big("unlinked", 'x')
	f, err := os.Open(h.at("unlinked"))
	h.ok(err)
	defer f.Close()
	h.remove("unlinked")
	r, err := Run(t.Context(), fs, old, live, Options{}, func(Change) error { _ = f.Close(); return nil })
	if err != nil || r.Changing || r.Summary.Total() != 2 { // f7, and the time of the top
		t.Errorf("%v, %+v", err, r)
	}
	if now, err := ReadSide(t.Context(), fs, live); err != nil || now.Generation == r.To.Generation {
		t.Errorf("%v, generation %d as before: this tries nothing", err, now.Generation)
	}
}
