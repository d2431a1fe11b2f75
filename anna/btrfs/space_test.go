package btrfs

import (
	"math"
	"testing"
)

// TestSlackOfAnything: figures that are too large to be added up leave nothing to
// write to.
func TestSlackOfAnything(t *testing.T) {
	for _, c := range []struct {
		t    TypeSpace
		want uint64
	}{
		{TypeSpace{Total: 100, Used: 50, ReadOnly: 20, ZoneUnusable: 10}, 20},
		{TypeSpace{Total: 100, Used: 50, ReadOnly: 60}, 0},
		{TypeSpace{Total: 100, Used: 50, ReadOnly: math.MaxUint64 - 10}, 0},
	} {
		if got := c.t.Slack(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.t, got, c.want)
		}
	}
}
