package diff

import (
	"slices"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// TestStretches makes inodes of parts of a tree, and goes through them piece by
// piece.
func TestStretches(t *testing.T) {
	key := func(ino uint64, typ uint8) btrfs.Key { return btrfs.Key{Object: ino, Type: typ} }
	parts := []nodes.Part{
		{Low: btrfs.MinKey, End: key(260, btrfs.TypeExtentData)},                            // ends inside of an inode
		{Low: key(300, btrfs.TypeXattr), End: key(310, btrfs.TypeInodeItem)},                // begins inside of one
		{Low: key(310, btrfs.TypeInodeRef), End: key(310, btrfs.TypeXattr)},                 // inside of one
		{Low: key(400, btrfs.TypeInodeItem), End: btrfs.MaxKey},                             // up to the end
		{Low: btrfs.Key{Object: ^uint64(0) - 4, Type: btrfs.TypeOrphan}, End: btrfs.MaxKey}, // no inode
	}
	got := stretches(parts)
	want := []stretch{{256, 260}, {300, 309}, {310, 310}, {400, btrfs.LastFree}}
	if !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	e := &engine{only: union(append(got, stretch{258, 270}, stretch{311, 311}))}
	want = []stretch{{256, 270}, {300, 311}, {400, btrfs.LastFree}}
	if !slices.Equal(e.only, want) {
		t.Fatalf("joined %v, want %v", e.only, want)
	}
	for _, x := range []struct {
		first, last uint64
		want        stretch
		more        bool
	}{
		{256, 1000, stretch{256, 270}, true},
		{260, 265, stretch{260, 265}, true},
		{271, 299, stretch{}, false},
		{271, 300, stretch{300, 300}, true},
		{312, btrfs.LastFree, stretch{400, btrfs.LastFree}, true},
		{500, 400, stretch{}, false},
	} {
		if s, more := e.stretch(x.first, x.last); s != x.want || more != x.more {
			t.Errorf("from %d to %d: %v, %v", x.first, x.last, s, more)
		}
	}
	e.only = []stretch{}
	if _, more := e.stretch(256, btrfs.LastFree); more {
		t.Error("there is something to search where nothing is apart")
	}
	e.only = nil
	if s, more := e.stretch(300, 400); s != (stretch{300, 400}) || !more {
		t.Errorf("where all is searched: %v, %v", s, more)
	}
}
