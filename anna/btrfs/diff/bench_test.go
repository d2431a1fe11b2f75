package diff

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// forest makes a subvolume of n files, 100 to a directory, as they lie on
// systems: mostly small.
func forest(b testing.TB, dir string, n int) {
	annatest.Run(b, "btrfs", "subvolume", "create", dir)
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 16<<10)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	for i := range n {
		d := filepath.Join(dir, fmt.Sprintf("d%02d/e%04d", i/10000, i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(d, 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(d, fmt.Sprintf("file%06d", i)), data[:r.IntN(len(data))], 0o644); err != nil {
			b.Fatal(err)
		}
	}
	// The files of a system were not all written in its last transaction.
	annatest.Run(b, "btrfs", "filesystem", "sync", dir)
}

// scatter changes every step-th file, each in another way.
func scatter(b testing.TB, dir string, first, count, step int) {
	for k := range count {
		i := first + k*step
		f := filepath.Join(dir, fmt.Sprintf("d%02d/e%04d/file%06d", i/10000, i/100, i))
		var err error
		switch k % 5 {
		case 0:
			err = os.Rename(f, f+".moved")
		case 1:
			err = os.Remove(f)
		case 2:
			err = os.Chmod(f, 0o600)
		case 3:
			err = os.WriteFile(f+".new", []byte("new"), 0o644)
		default:
			err = writeAt(f, []byte("changed"), 0)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchFiles() int {
	if n, err := strconv.Atoi(os.Getenv("ANNA_BENCH_FILES")); err == nil {
		return n
	}
	return 20000
}

// A tool is another way to the same answer, or to a part of it.
type tool struct {
	name string
	run  func() error
}

func command(name string, args ...string) func() error {
	return func() error {
		c := exec.Command(name, args...)
		c.Stdout = io.Discard
		return c.Run()
	}
}

// BenchmarkTools runs the engines and what else there is one after the other,
// over and over, warm and cold, and tells each one's time (in the metric
// NAME-ms) as the median; NAME is command for the whole of anna, as it is typed.
// ANNA_BENCH_FILES sets the number of files: 20 000 by default, 200 000 for the
// figures that are published. ANNA_BENCH_KEEP is a directory where the disks stay
// for the next run, which then measures at once.
func BenchmarkTools(b *testing.B) {
	annatest.Require(b, annatest.Btrfs)
	keep := cmp.Or(os.Getenv("ANNA_BENCH_KEEP"), b.TempDir())
	b.Cleanup(annatest.RemoveBuild)
	for _, balanced := range []bool{false, true} {
		b.Run(map[bool]string{false: "parted", true: "balanced"}[balanced], func(b *testing.B) {
			measure(b, benchDisk(b, keep, balanced))
		})
	}
}

// measure runs the tools on the disk of a benchmark.
func measure(b *testing.B, dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	old := subvolumeID(b, in("old"))
	generation := fmt.Sprint(generationOf(b, dir, old))
	anna := filepath.Join(annatest.Build(b), "anna")
	runs := map[string]*snapperRun{}
	for _, live := range []string{"live", "near"} {
		s := snapperConfig(b, in(live))
		b.Cleanup(func() { s.end(b) })
		runs[live] = s
	}
	for _, x := range []struct{ name, live, sample string }{
		{"scattered", "live", "scattered"},
		{"clustered", "near", "clustered"},
		{"written", "near", "near"}, // the same, but a side can be written to
	} {
		for _, cold := range []bool{false, true} {
			temperature := map[bool]string{false: "warm", true: "cold"}[cold]
			b.Run(x.name+"/"+temperature, func(b *testing.B) {
				fs := openFS(b, dir)
				id := subvolumeID(b, in(x.sample))
				list := []tool{{"command", command(anna, "storage", "btrfs", "diff", "--json", "--stream", in("old"), in(x.sample))}, ours(fs, old, id, Auto)}
				if x.sample != x.live {
					list = append(list, ours(fs, old, id, Tree), ours(fs, old, id, Send))
					list = append(list, others(in("old"), in(x.sample), generation)...)
				}
				race(b, fs, cold, append(list, runs[x.live].status()...))
			})
		}
	}
}

func generationOf(b testing.TB, dir string, id uint64) uint64 {
	fs := openFS(b, dir)
	r, err := openRoot(b.Context(), fs.NewScanner(btrfs.PointBuffer), id)
	if err != nil {
		b.Fatal(err)
	}
	return r.otransid
}

func ours(fs *btrfs.FS, a, b uint64, engine Engine) tool {
	return tool{"anna-" + cmp.Or(string(engine), "auto"), func() error {
		_, err := Run(context.Background(), fs, a, b, Options{Engine: engine}, func(Change) error { return nil })
		return err
	}}
}

// others are the tools that are installed. find-new sees neither deletions nor
// renames nor empty files.
func others(old, now, generation string) []tool {
	list := []tool{
		{"find-new", command("btrfs", "subvolume", "find-new", now, generation)},
		{"send-dump", command("sh", "-c", `btrfs send -q --no-data -p "$0" "$1" | btrfs receive --dump`, old, now)},
	}
	if _, err := exec.LookPath("rsync"); err == nil {
		list = append(list, tool{"rsync", command("rsync", "-ani", "--delete", now+"/", old+"/")})
	}
	return list
}

// race runs the tools in turns. What one of them left to be written is not for the
// next one to write.
func race(b *testing.B, fs *btrfs.FS, cold bool, tools []tool) {
	times := make([][]time.Duration, len(tools))
	for b.Loop() {
		for i, t := range tools {
			if err := fs.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
			if cold {
				if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
					b.Skip(err)
				}
			}
			start := time.Now()
			if err := t.run(); err != nil {
				b.Fatalf("%s: %v", t.name, err)
			}
			times[i] = append(times[i], time.Since(start))
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, t := range tools {
		slices.Sort(times[i])
		b.ReportMetric(float64(times[i][len(times[i])/2].Microseconds())/1000, t.name+"-ms")
	}
}

// BenchmarkTree is one engine alone, for its allocations.
func BenchmarkTree(b *testing.B) {
	annatest.Require(b, annatest.Btrfs)
	files := benchFiles()
	disk := annatest.NewDisk(b, []int64{16 << 30}, "-m", "single")
	in := func(name string) string { return filepath.Join(disk.Dir, name) }
	forest(b, in("live"), files)
	old := snap(b, in("live"), in("old"), "-r")
	scatter(b, in("live"), 0, files/100, 100)
	now := snap(b, in("live"), in("new"), "-r")
	fs := openFS(b, disk.Dir)
	b.ReportAllocs()
	for b.Loop() {
		if err := ours(fs, old, now, Tree).run(); err != nil {
			b.Fatal(err)
		}
	}
}
