package diff

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// TestChoice: by itself it takes the trees. After a balance it searches what they
// do not share; where that cannot be read it takes send, unless the changes are
// scattered, or a side can be written to.
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
	expect := func(what string, id uint64, want, blind Engine) {
		t.Helper()
		for use, want := range map[nodeUse]Engine{needed: want, never: blind} {
			if _, r := collectWith(t, fs, old, id, use); r.Engine != want {
				t.Errorf("%s: %s, wanted %s", what, r.Engine, want)
			}
		}
	}
	expect("scattered", scattered, Tree, Tree)
	expect("clustered", clustered, Tree, Tree)
	annatest.Run(t, "btrfs", "balance", "start", "-m", disk.Dir)
	expect("scattered, after a balance", scattered, Tree, Tree)
	expect("clustered, after a balance", clustered, Tree, Send)
	expect("a live side, after a balance", near, Tree, Tree)
}

// TestSearchesWhatIsApart: after a balance only what the two sides do not share is
// searched, also where one can be written to, and where the subvolume that they
// both come from is gone.
func TestSearchesWhatIsApart(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	forest(t, in("live"), 4000)
	old := snap(t, in("live"), in("old"), "-r")
	scatter(t, in("live"), 1000, 50, 1)
	live := subvolumeID(t, in("live"))
	snap(t, in("old"), in("between"))
	branch := snap(t, in("between"), in("branch"))
	scatter(t, in("branch"), 2000, 50, 1)
	annatest.Run(t, "btrfs", "subvolume", "delete", "-c", in("between"))
	annatest.Run(t, "btrfs", "balance", "start", "-m", disk.Dir)
	for what, id := range map[string]uint64{"live": live, "branch of what is gone": branch} {
		var lists [][]string
		for _, use := range []nodeUse{needed, never} {
			got, _ := collectWith(t, fs, old, id, use)
			lists = append(lists, text(got))
		}
		if d := difference(lists[1], lists[0]); d != "" || len(lists[0]) < 40 {
			t.Errorf("%s: %d changes, all searched (-) and what is apart (+):\n%s", what, len(lists[0]), d)
		}
		if n := searched(t, fs, old, id); n == 0 || n > 800 {
			t.Errorf("%s: %d inodes of 4000 would be searched", what, n)
		}
	}
}

// TestWhileBalanced compares while all nodes move about: the answer is the same
// every time, from their old places, their new ones, or without looking at them.
func TestWhileBalanced(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	forest(t, in("live"), 2000)
	old := snap(t, in("live"), in("old"), "-r")
	scatter(t, in("live"), 500, 100, 3)
	live := subvolumeID(t, in("live"))
	want, _ := collect(t, fs, old, live, Tree)
	moved := make(chan error, 1)
	go func() {
		var err error
		for range 20 {
			if err = exec.Command("btrfs", "balance", "start", "-m", disk.Dir).Run(); err != nil {
				break
			}
		}
		moved <- err
	}()
	for n := 0; ; n++ {
		got, _ := collectWith(t, fs, old, live, always)
		if d := difference(text(want), text(got)); d != "" {
			t.Fatalf("comparison %d while it is balanced: at rest (-) and now (+):\n%s", n, d)
		}
		select {
		case err := <-moved:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d comparisons", n+1)
			return
		default:
		}
	}
}

// searched is how many inodes would be looked at to compare two subvolumes.
func searched(t *testing.T, fs *btrfs.FS, a, b uint64) (n uint64) {
	t.Helper()
	s := fs.NewScanner(btrfs.PointBuffer)
	var roots [2]root
	var err error
	for w, id := range []uint64{a, b} {
		if roots[w], err = openRoot(t.Context(), s, id); err != nil {
			t.Fatal(err)
		}
	}
	rel, err := relate(t.Context(), s, roots[from], roots[to])
	if err != nil {
		t.Fatal(err)
	}
	info, err := fs.Info()
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t.Context(), fs, info, rel, [2]uint64{a, b}, nil)
	v, known := e.survey(t.Context(), [2]nodes.Tree{roots[from].tree, roots[to].tree})
	if !known || v.only == nil {
		t.Fatalf("nothing is known of the nodes: %v", v)
	}
	for _, s := range v.only {
		const end = top + 4100 // the last stretch goes on to where no inode can be
		n += min(s.last, end) - min(s.first, end) + 1
	}
	return n
}
