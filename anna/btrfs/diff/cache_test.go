package diff

import (
	"strings"
	"testing"
)

// TestCache holds that a cache is bounded by what its answers weigh, and answers
// what it was told last.
func TestCache(t *testing.T) {
	c := newCache[int, string](3)
	for i := range 10 {
		c.put(i, "x")
		c.put(i, "y") // the same again takes no more room
		if v, ok := c.get(i); v != "y" || !ok || len(c.m) > 3 || c.held != len(c.m) {
			t.Errorf("after %d: %q, %v, %d held of %d", i, v, ok, c.held, len(c.m))
		}
	}
	if len(c.m) != 1 { // 0 1 2 | 3 4 5 | 6 7 8 | 9
		t.Errorf("%d are left", len(c.m))
	}
}

// TestPathCache holds that deep trees cost no more memory than wide ones.
func TestPathCache(t *testing.T) {
	c := newPathCache()
	path := ""
	for i := range 8000 { // each directory below the one before
		path += "/" + strings.Repeat("n", 250)
		c.put(uint64(i), path)
		held := 0
		for _, p := range c.m {
			held += len(p)
		}
		if held > max(pathBytes, len(path)) {
			t.Fatalf("%d levels deep %d bytes are held", i, held)
		}
		if got, ok := c.get(uint64(i)); !ok || got != path {
			t.Fatalf("level %d is forgotten at once", i)
		}
	}
	wide := newPathCache()
	for i := range 4096 {
		wide.put(uint64(i), "/home/somebody/src/project/"+strings.Repeat("d", i%60))
	}
	if len(wide.m) != 4096 {
		t.Errorf("%d of 4096 usual paths are held", len(wide.m))
	}
}
