package btrfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// tellDamage writes what is damaged as lines: subvolume, path, ranges.
func tellDamage(files []btrfs.DamagedFile) []string {
	var out []string
	for _, f := range files {
		for _, path := range f.Paths {
			out = append(out, fmt.Sprintf("%d %s %v", f.Subvolume, path, f.Ranges))
		}
	}
	slices.Sort(out)
	return out
}

// readEverything is the oracle: it reads every file of a mount of the whole file
// system, sector by sector, and tells the same lines.
func readEverything(t *testing.T, dir string, subvolumes []btrfs.Subvolume) []string {
	t.Helper()
	of := func(rel string) (uint64, string) {
		id, inside, longest := uint64(btrfs.TreeTop), rel, 0
		for _, v := range subvolumes {
			at := strings.TrimPrefix(v.Path, "/")
			if at != "" && strings.HasPrefix(rel, at+"/") && len(at) > longest {
				id, inside, longest = v.ID, rel[len(at)+1:], len(at)
			}
		}
		return id, inside
	}
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		var bad []btrfs.Span
		buf := make([]byte, 4096)
		for at := int64(0); at < info.Size(); at += 4096 {
			n, err := unix.Pread(int(f.Fd()), buf, at)
			want := min(4096, info.Size()-at)
			if errors.Is(err, unix.EIO) {
				if l := len(bad); l > 0 && bad[l-1].Start+bad[l-1].Length == uint64(at) {
					bad[l-1].Length += uint64(want)
				} else {
					bad = append(bad, btrfs.Span{Start: uint64(at), Length: uint64(want)})
				}
			} else if err != nil || int64(n) != want {
				return fmt.Errorf("%s at %d: %d bytes, %w", path, at, n, err)
			}
		}
		if len(bad) > 0 {
			id, inside := of(strings.TrimPrefix(path, dir+"/"))
			out = append(out, fmt.Sprintf("%d %s %v", id, inside, bad))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// A dataSector is where a sector of data is, logically and on the only device.
type dataSector struct{ logical, physical uint64 }

// dataSectors are all sectors of extents of data on a single device.
func dataSectors(t *testing.T, dir string) []dataSector {
	t.Helper()
	f := openFS(t, dir)
	defer f.Close()
	groups, err := f.BlockGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []dataSector
	for _, g := range groups.List {
		if g.Profile&btrfs.Data == 0 {
			continue
		}
		l, err := f.Layout(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Extents {
			for at := e.Start; at < e.Start+e.Length; at += 4096 {
				out = append(out, dataSector{at, g.Stripes[0].Offset + (at - g.Start)})
			}
		}
	}
	return out
}

func openFS(t *testing.T, dir string) *btrfs.FS {
	t.Helper()
	f, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// spoil turns bytes of a disk around.
func spoil(t *testing.T, file string, at uint64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 16)
	if _, err := f.ReadAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x5a
	}
	if _, err := f.WriteAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// TestDamageEqualsReadingEverything spoils random sectors of a file system with
// all that shares and splits extents.
func TestDamageEqualsReadingEverything(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	rounds := uint64(2)
	if os.Getenv("ANNA_TEST_LONG") != "" {
		rounds = 25
	}
	for seed := range rounds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			d := annatest.NewDisk(t, []int64{512 << 20}, "-d", "single", "-m", "dup")
			populateShared(t, d.Dir)
			annatest.Run(t, "btrfs", "filesystem", "sync", d.Dir)
			sectors := dataSectors(t, d.Dir)
			whole := openFS(t, d.Dir)
			subvolumes, err := whole.Subvolumes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			whole.Close()
			d.Unmount(t)
			r := rand.New(rand.NewPCG(seed, 9))
			for range 12 {
				spoil(t, d.Loops[0].File, sectors[r.IntN(len(sectors))].physical+uint64(r.IntN(4000)))
			}
			d.Dir = d.Mount(t, "subvolid=5")
			f := openFS(t, d.Dir)
			var done, total uint64
			found, err := f.Damage(t.Context(), btrfs.DamageOptions{Progress: func(d, all uint64) { done, total = d, all }})
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Missing) > 0 || done == 0 || done > total {
				t.Errorf("missing %v, progress %d of %d", found.Missing, done, total)
			}
			if err := f.FindCopies(t.Context(), found); err != nil {
				t.Fatal(err)
			}
			for _, file := range found.Files {
				for _, c := range file.Copies {
					if v := subvolumes.Find(c.Subvolume); v == nil {
						t.Errorf("copy %+v in no subvolume", c)
					} else if _, err := os.ReadFile(filepath.Join(d.Dir, v.Path, c.Path)); err != nil {
						t.Errorf("copy %+v of %+v: %v", c, file, err)
					}
				}
			}
			f.Close()
			d.Unmount(t) // so that nothing is in memory
			d.Dir = d.Mount(t, "subvolid=5")
			want := readEverything(t, d.Dir, subvolumes.List)
			if got := tellDamage(found.Files); !slices.Equal(got, want) {
				t.Errorf("damaged:\n%s\nreading every file finds:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(want) == 0 {
				t.Error("nothing was damaged")
			}
		})
	}
}

// populateShared makes files whose extents are whole, shared with snapshots and
// clones, split by writes, compressed, with holes and hard links.
func populateShared(t *testing.T, dir string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	annatest.Run(t, "btrfs", "subvolume", "create", in("@"))
	if err := os.MkdirAll(in("@/deep/er"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		annatest.WriteFile(t, in("@/deep"), fmt.Sprintf("file%d", i), 5000+i*30_000)
	}
	annatest.WriteFile(t, in("@/deep/er"), "large", 3<<20)
	annatest.WriteFile(t, dir, "at the top", 200_001)
	annatest.Run(t, "btrfs", "property", "set", in("@/deep/er"), "compression", "zstd")
	text := []byte(strings.Repeat("what compresses well, line after line\n", 20_000))
	if err := os.WriteFile(in("@/deep/er/compressed"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(in("@/deep/file3"), in("@/another name")); err != nil {
		t.Fatal(err)
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", in("@"), in("first"))
	// Splits extents: parts of the old one are seen by the snapshot alone.
	for _, name := range []string{"@/deep/er/large", "@/deep/er/compressed", "@/deep/file19"} {
		f, err := os.OpenFile(in(name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(8192); at < 400_000; at += 120_000 {
			if _, err := f.WriteAt([]byte(strings.Repeat("new", 6000)), at); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	annatest.Run(t, "cp", "--reflink=always", in("@/deep/er/large"), in("@/clone"))
	annatest.Run(t, "btrfs", "subvolume", "snapshot", in("@"), in("@/nested"))
	f, err := os.OpenFile(in("@/clone"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	err = errors.Join(unix.Fallocate(int(f.Fd()), punch, 1<<20, 1<<20), unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 4<<20, 1<<20), f.Sync(), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	// Deleted in the newest, still in the snapshots.
	if err := os.Remove(in("@/deep/file18")); err != nil {
		t.Fatal(err)
	}
}
