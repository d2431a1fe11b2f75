package diff

import (
	"path/filepath"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestChoice: by itself it takes the trees; after a balance send, unless the
// changes are scattered, or a side can be written to.
func TestChoice(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	forest(t, in("live"), 4000)
	old := snap(t, in("live"), in("old"), "-r")
	scatter(t, in("live"), 0, 80, 50)
	scattered := snap(t, in("live"), in("scattered"), "-r")
	snap(t, in("old"), in("near"))
	scatter(t, in("near"), 1000, 50, 1)
	clustered := snap(t, in("near"), in("clustered"), "-r")
	near := subvolumeID(t, in("near"))
	expect := func(what string, id uint64, want Engine) {
		t.Helper()
		if _, r := collect(t, fs, old, id, Auto); r.Engine != want {
			t.Errorf("%s: %s, wanted %s", what, r.Engine, want)
		}
	}
	expect("scattered", scattered, Tree)
	expect("clustered", clustered, Tree)
	annatest.Run(t, "btrfs", "balance", "start", "-m", disk.Dir)
	expect("scattered, after a balance", scattered, Tree)
	expect("clustered, after a balance", clustered, Send)
	expect("a live side, after a balance", near, Tree)
}
