package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// BenchmarkReload is a reload inside the daemon, receipt and all, beside its
// floor: reading and judging the same file, and beside what the disk takes to
// keep it: a file of that size, written and synced.
func BenchmarkReload(b *testing.B) {
	text := func(n int) string {
		return fmt.Sprintf("%s[health]\nqueue_warn = %d\nrpc_window = %d\n[events]\nhistory = %d\n", calm, 1+n%50, 100+n%2, 500+n%2)
	}
	b.Run("floor=parse", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(text(1)), 0o600); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if cfg, report := config.Load(path); cfg == nil {
				b.Fatal(report.Err())
			}
		}
	})
	b.Run("floor=sync", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "file")
		for b.Loop() {
			os.Remove(path)
			if err := writeSynced(path, make([]byte, 2000)); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, outcome := range []config.Outcome{config.Unchanged, config.Applied, config.Rejected} {
		b.Run(string(outcome), func(b *testing.B) {
			r := newRig(b, text(0))
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				switch n++; outcome {
				case config.Applied:
					r.write(text(n))
				case config.Rejected:
					r.write("[health]\nqueue_warn = 0\n")
				}
				b.StartTimer()
				r.load(outcome)
			}
		})
	}
	// Rules of policies.d: one of them is another at each reload, or all are.
	for _, n := range []int{10, 1000} {
		for changed, which := range map[string]int{"one": 1, "all": n} {
			b.Run(fmt.Sprintf("rules=%d/changed=%s", n, changed), func(b *testing.B) {
				dir := b.TempDir()
				write := func(round int) {
					var rules strings.Builder
					for i := range n {
						limit := 1
						if i < which {
							limit += round
						}
						fmt.Fprintf(&rules, "[[rule]]\nid = \"r%d\"\nwhen = \"load.one > %d and memory.available_percent < 5\"\ntitle = \"busy\"\n", i, limit)
					}
					if err := os.WriteFile(filepath.Join(dir, "10-many.toml"), []byte(rules.String()), 0o600); err != nil {
						b.Fatal(err)
					}
				}
				write(0)
				r := newRig(b, calm+fmt.Sprintf("[policies]\ndir = %q\n", dir))
				round := 0
				for b.Loop() {
					b.StopTimer()
					round++
					write(round)
					b.StartTimer()
					r.load(config.Applied)
				}
			})
		}
	}
}
