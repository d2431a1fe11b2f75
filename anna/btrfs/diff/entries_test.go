package diff

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// TestDirectoriesOfManyLeaves changes directories whose entries fill many leaves,
// of which most are shared: at both ends, in the middle, everywhere, and so that
// names come back. The trees are compared by what is new and what is gone; send
// has all of it read.
func TestDirectoriesOfManyLeaves(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	const files = 1500
	name := func(i int) string { return fmt.Sprintf("d/a name of some length, to fill leaves %04d", i) }
	for what, change := range map[string]func(h hand) (want []string){
		"first": func(h hand) []string {
			h.remove(name(0))
			return []string{"removed " + name(0)}
		},
		"last": func(h hand) []string {
			h.remove(name(files - 1))
			h.write("d/new", "new")
			return []string{"removed " + name(files-1), "added d/new"}
		},
		"everywhere": func(h hand) (want []string) {
			for i := 0; i < files; i += 50 {
				h.remove(name(i))
				want = append(want, "removed "+name(i))
			}
			return want
		},
		"a stretch": func(h hand) (want []string) {
			for i := 700; i < 800; i++ {
				h.move(name(i), name(i)+".moved")
				want = append(want, "renamed "+name(i)+" -> "+name(i)+".moved")
			}
			return want
		},
		"there and back": func(h hand) []string {
			h.move(name(5), "d/away")
			h.move("d/away", name(5))
			h.move(name(900), name(5)+"x")
			h.swap(name(10), name(1400))
			return []string{
				"renamed " + name(900) + " -> " + name(5) + "x",
				"renamed " + name(10) + " -> " + name(1400), "renamed " + name(1400) + " -> " + name(10),
			}
		},
		"another of the name": func(h hand) []string {
			h.remove(name(3))
			h.write(name(3), "another")
			return []string{"replaced " + name(3) + " content changed"}
		},
		"none left": func(h hand) (want []string) {
			for i := range files {
				h.remove(name(i))
				want = append(want, "removed "+name(i))
			}
			return want
		},
	} {
		t.Run(what, func(t *testing.T) {
			disk := annatest.NewDisk(t, []int64{512 << 20}, "-n", "4k", "-m", "single", "--mixed")
			h, old := aged(t, disk.Dir, "", func(h hand) {
				for i := range files {
					h.write(name(i), "x")
				}
			})
			want := change(h)
			slices.Sort(want)
			agree(t, h, old, strings.Join(want, "\n"))
		})
	}
}

// TestFrozen tells a side that nobody wrote since from one that somebody did and
// then closed again, also after a balance, when every leaf of both is new.
func TestFrozen(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	h, old := aged(t, disk.Dir, "", func(h hand) {
		for i := range 500 {
			h.write(fmt.Sprintf("d%d/f%d", i/50, i), "x")
		}
	})
	flipped := snap(t, h.dir, filepath.Join(disk.Dir, "flipped"), "-r")
	frozen := func(id uint64) bool {
		t.Helper()
		s := fs.NewScanner(btrfs.PointBuffer)
		a, err := openRoot(t.Context(), s, id)
		if err != nil {
			t.Fatal(err)
		}
		b, err := openRoot(t.Context(), s, subvolumeID(t, h.dir))
		if err != nil {
			t.Fatal(err)
		}
		rel, err := relate(t.Context(), s, a, b)
		if err != nil || !rel.related {
			t.Fatalf("%+v, %v", rel, err)
		}
		return rel.frozen[from]
	}
	h.write("d3/f3", "y")
	if !frozen(old) || !frozen(flipped) {
		t.Error("a snapshot is not as it was made")
	}
	there := hand{t, filepath.Join(disk.Dir, "flipped")}
	annatest.Run(t, "btrfs", "property", "set", there.dir, "ro", "false")
	there.remove("d0/f0")
	there.move("d1", "d2/d1")
	annatest.Run(t, "btrfs", "property", "set", there.dir, "ro", "true")
	annatest.Run(t, "btrfs", "filesystem", "sync", disk.Dir)
	for _, when := range []string{"", "after a balance"} {
		if !frozen(old) {
			t.Errorf("%s: a snapshot is not as it was made", when)
		}
		if frozen(flipped) {
			t.Errorf("%s: what was written is as it was made", when)
		}
		for _, engine := range []Engine{Tree, Send} {
			got, _ := collect(t, fs, old, flipped, engine)
			if s := show(got); s != "removed d0/f0\nrenamed d1 -> d2/d1 (directory)" {
				t.Errorf("%s, %s:\n%s", when, engine, s)
			}
		}
		got, _ := collect(t, fs, flipped, subvolumeID(t, h.dir), Auto)
		if s := show(got); s != "added d0/f0\nadded d3/f3\nrenamed d2/d1 -> d1 (directory)" {
			t.Errorf("%s, live:\n%s", when, s)
		}
		annatest.Run(t, "btrfs", "balance", "start", "-m", disk.Dir)
	}
}
