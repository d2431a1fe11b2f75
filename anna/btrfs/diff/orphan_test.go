package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// TestOrphanGoesMeanwhile deletes files that are open, and closes them while they
// are compared: the kernel takes such an inode away at a moment that nobody sees,
// before it comes up, after it was seen by the way, or between two looks at it.
func TestOrphanGoesMeanwhile(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for _, way := range []string{"old to live", "live to old"} {
		for after := range 3 {
			t.Run(fmt.Sprintf("%s, after %d changes", way, after+1), func(t *testing.T) {
				disk := annatest.NewDisk(t, []int64{512 << 20}, "-n", "4k")
				fs := openFS(t, disk.Dir)
				h := hand{t, filepath.Join(disk.Dir, "live")}
				h.subvolume(".")
				h.write("d/first", "1")
				for i := range 600 {
					if i%200 == 100 {
						h.write(fmt.Sprint("d/open", i), "deleted, but open")
						h.mkdir(fmt.Sprint("d/dir", i))
					}
					h.write(fmt.Sprint("many/f", i), "1")
				}
				old := snap(t, h.dir, filepath.Join(disk.Dir, "old"), "-r")
				want := []string{"modified d/first content changed"}
				h.write("d/first", "2")
				var open []*os.File
				for i := 100; i < 600; i += 200 {
					for _, kind := range []string{"open", "dir"} {
						name := fmt.Sprint("d/", kind, i)
						f, err := os.Open(h.at(name))
						h.ok(err)
						open = append(open, f)
						h.remove(name)
					}
					want = append(want, fmt.Sprint("removed d/open", i), fmt.Sprintf("removed d/dir%d (directory)", i))
				}
				for i := range 600 {
					if i%5 == 0 {
						name := fmt.Sprint("many/f", i)
						h.write(name, "2")
						want = append(want, "modified "+name+" content changed")
					}
				}
				a, b := old, subvolumeID(t, h.dir)
				if way == "live to old" {
					a, b = b, a
				}
				var got []Change
				opt := Options{tune: tuning{pieces: 1, pieceWidth: btrfs.LastFree, window: 4096}}
				r, err := Run(t.Context(), fs, a, b, opt, func(c Change) error {
					if way == "live to old" {
						c = c.Invert()
					}
					got = append(got, c)
					if len(got) == after+1 {
						for _, f := range open {
							f.Close()
						}
					}
					return nil
				})
				h.ok(err)
				if d := difference(inOrder(want), inOrder(strings.Split(show(got), "\n"))); d != "" && !r.Changing {
					t.Errorf("truth (-) and answer (+):\n%s", d)
				}
			})
		}
	}
}

func inOrder(list []string) []string { slices.Sort(list); return list }
