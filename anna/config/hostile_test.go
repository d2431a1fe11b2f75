package config_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func numbered(n int, pattern string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, pattern, i)
	}
	return b.String()
}

// TestHostile: what the bounds let through stays cheap in memory, and its
// report short.
func TestHostile(t *testing.T) {
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, report := parse(text)
			runtime.ReadMemStats(&after)
			if c != nil && name != "newLines" && name != "comments" {
				t.Error("taken")
			}
			if out := render(t, report); len(out) > 200<<10 {
				t.Errorf("a report of %d bytes", len(out))
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 24<<20 {
				t.Errorf("allocated %d MB", cost>>20)
			}
		})
	}
}
