package nodes

import (
	"os"
	"path/filepath"
	"testing"
)

// TestApartOfUnequalHeight compares trees of which one lost levels, both ways
// round.
func TestApartOfUnequalHeight(t *testing.T) {
	g := newGrove(t, 1, 9000, "-n", "4096")
	g.snapshot("live", "low")
	for i := 200; i < 9000; i++ {
		g.ok(os.Remove(g.file("low", i)))
		if i%100 == 99 {
			g.ok(os.Remove(filepath.Dir(g.file("low", i))))
		}
	}
	g.snapshot("low", "leaf")
	g.ok(os.RemoveAll(g.at("leaf", "d0")))
	g.ok(os.RemoveAll(g.at("leaf", "d1")))
	heights := map[uint8]bool{}
	for _, a := range []string{"live", "low", "leaf"} {
		tree, _ := g.tree(a)
		heights[tree.Level] = true
		for _, b := range []string{"live", "low", "leaf"} {
			t.Logf("%s of level %d, %s: %.2f of all items are apart", a, tree.Level, b, g.hold(a, b, 10000))
		}
	}
	if len(heights) != 3 {
		t.Fatalf("levels %v, wanted three", heights)
	}
}
