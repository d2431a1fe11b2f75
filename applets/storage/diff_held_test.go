package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// someChanges are changes with everything that a change can have.
func someChanges(n int) (list []diff.Change) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		c := diff.Change{
			Kind: diff.Kinds[r.IntN(len(diff.Kinds))], Path: fmt.Sprintf("d%d/\xff\n%d", r.IntN(n/10+1), i), Type: diff.File,
			Inode: r.Uint64(), SizeBefore: r.Uint64N(99), SizeAfter: r.Uint64N(99), AllocatedBefore: r.Uint64(), AllocatedAfter: r.Uint64(),
			LinkBefore: r.IntN(9) == 0, LinkAfter: r.IntN(9) == 0,
		}
		if r.IntN(2) == 0 {
			c.FromPath, c.FromType, c.Content = "from", diff.Dir, diff.ContentSame
			c.Attributes = []string{"acl", "mode", "mtime"}[:1+r.IntN(3)]
		}
		list = append(list, c)
	}
	return list
}

// TestHeldChanges holds changes in so little memory that most go to the file:
// they come back as they were, in the same order as from memory.
func TestHeldChanges(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	list := someChanges(3000)
	for _, bySize := range []bool{false, true} {
		var got [2][]diff.Change
		for i, most := range []int{1 << 30, 20_000} {
			h := heldChanges{bySize: bySize, most: most}
			for j := range list {
				if err := h.add(&list[j]); err != nil {
					t.Fatal(err)
				}
			}
			if (h.file != nil) != (i == 1) || i == 1 && len(h.starts) < 20 {
				t.Errorf("%d parts in a file", len(h.starts))
			}
			if err := h.each(func(c *diff.Change) error { got[i] = append(got[i], *c); return nil }); err != nil {
				t.Fatal(err)
			}
			h.close()
		}
		want := slices.Clone(list)
		slices.SortFunc(want, func(a, b diff.Change) int { return (&heldChanges{bySize: bySize}).compare(&a, &b) })
		for i := range got {
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("by size %v: not what was put in, or not in order", bySize)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%d files stay, %v", len(left), err)
	}
}

// TestHeldText prints from the file what it prints from memory.
func TestHeldText(t *testing.T) {
	list := someChanges(1000)
	text := func(most int) string {
		var b bytes.Buffer
		s := &textSink{w: &b, theme: ui.Theme{}, held: heldChanges{most: most}}
		printAll(t, s, list, reportOf(list))
		return b.String()
	}
	if a, b := text(1<<30), text(10_000); a != b {
		t.Errorf("from memory:\n%.500s\nfrom the file:\n%.500s", a, b)
	}
}

// TestHeldNoRoom: a temporary directory that cannot be written to is named.
func TestHeldNoRoom(t *testing.T) {
	t.Setenv("TMPDIR", "/nowhere")
	h := heldChanges{most: 1}
	if err := h.add(&diff.Change{Path: "a"}); err == nil || err.Error() == "" {
		t.Error("no error")
	} else {
		t.Log(err)
	}
}
