package diff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// snap snapshots a directory and returns the id.
func snap(t testing.TB, from, to string, flags ...string) uint64 {
	t.Helper()
	annatest.Run(t, "btrfs", append(append([]string{"subvolume", "snapshot"}, flags...), from, to)...)
	return subvolumeID(t, to)
}

// TestRelations compares across deleted, flipped and received subvolumes.
func TestRelations(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	h := hand{t, filepath.Join(disk.Dir, "live")}
	h.subvolume(".")
	h.write("d/a", "1")
	h.big("big", 'x')
	live := subvolumeID(t, h.dir)
	in := func(name string) string { return filepath.Join(disk.Dir, name) }

	one := snap(t, h.dir, in("one"), "-r")
	h.move("d/a", "d/b")
	snap(t, h.dir, in("two"))
	deep := snap(t, in("two"), in("deep"), "-r")
	h.write("new", "2")

	expect := func(what string, a, b uint64, engine Engine, related bool, want string) *Report {
		t.Helper()
		got, r := collect(t, fs, a, b, engine)
		if s := show(got); s != want || r.Related != related {
			t.Errorf("%s: related %v\n%s\nwant:\n%s", what, r.Related, s, want)
		}
		return r
	}
	expect("live and itself", live, live, Auto, true, "")
	expect("snapshot of a snapshot", deep, live, Auto, true, "added new")
	expect("two branches", one, deep, Send, true, "renamed d/a -> d/b")

	// The snapshot between is deleted, and the name of the parent with it.
	annatest.Run(t, "btrfs", "subvolume", "delete", "-c", in("two"))
	if r := expect("intermediate snapshot gone", deep, live, Auto, true, "added new"); r.Fork != 0 || len(r.Notes) == 0 {
		t.Errorf("fork %d, notes %q", r.Fork, r.Notes)
	}
	// Read-only made writable, written, and made read-only again.
	annatest.Run(t, "btrfs", "property", "set", in("one"), "ro", "false")
	hand{t, in("one")}.write("here", "3")
	annatest.Run(t, "btrfs", "property", "set", in("one"), "ro", "true")
	for _, engine := range []Engine{Tree, Send} {
		expect("flipped", one, deep, engine, true, "removed here\nrenamed d/a -> d/b")
	}
	// Received: an incremental stream ends as a snapshot of the parent.
	annatest.Run(t, "mkdir", in("received"))
	pipeline := fmt.Sprintf("btrfs send -q %s | btrfs receive -q %s", in("deep"), in("received"))
	annatest.Run(t, "sh", "-c", pipeline)
	copied := subvolumeID(t, in("received/deep"))
	r := expect("received, not related", deep, copied, Auto, false, "")
	if r.Engine != Paths || len(r.Notes) == 0 {
		t.Errorf("engine %s, notes %q", r.Engine, r.Notes)
	}
	if _, err := Run(t.Context(), fs, deep, copied, Options{Engine: Tree}, nil); err == nil {
		t.Error("the trees of unrelated subvolumes were compared")
	}
	if _, err := Run(t.Context(), fs, deep, live, Options{Engine: Send}, nil); !errors.Is(err, ErrNotReadOnly) {
		t.Errorf("send of what can be written to: %v", err)
	}
	for _, id := range []uint64{0, 1, 7, 99999, ^uint64(0)} {
		if _, err := Run(t.Context(), fs, live, id, Options{}, nil); err == nil {
			t.Errorf("subvolume %d was compared", id)
		}
	}
	if _, err := Run(t.Context(), fs, live, deep, Options{Engine: "magic"}, nil); err == nil {
		t.Error("an unknown engine was taken")
	}
}

// branches makes a subvolume and one that was taken of it, both to be written to.
func branches(t *testing.T) (fs *btrfs.FS, a, b hand) {
	t.Helper()
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	a, b = hand{t, filepath.Join(disk.Dir, "a")}, hand{t, filepath.Join(disk.Dir, "b")}
	a.subvolume(".")
	a.write("old", "1")
	snap(t, a.dir, b.dir)
	return openFS(t, disk.Dir), a, b
}

// TestSameNumberBothSides: both sides give out the same number in the same
// transaction, to different files.
func TestSameNumberBothSides(t *testing.T) {
	fs, a, b := branches(t)
	a.write("mine", "1")
	b.write("yours", "2")
	got, _ := collect(t, fs, subvolumeID(t, a.dir), subvolumeID(t, b.dir), Tree)
	if s := show(got); s != "added yours\nremoved mine" {
		t.Errorf("got:\n%s", s)
	}
}

// TestSameNameBothSides: both make a file of the same name, number and index in the
// same transaction. Their entries are the same; they are not.
func TestSameNameBothSides(t *testing.T) {
	fs, a, b := branches(t)
	a.write("made", "1")
	time.Sleep(20 * time.Millisecond) // the directory's time of modification is not the same, then
	b.write("made", "2 is longer")
	for _, use := range []nodeUse{needed, always, never} {
		got, _ := collectWith(t, fs, subvolumeID(t, a.dir), subvolumeID(t, b.dir), use)
		if s := show(got); s != "replaced made content changed" {
			t.Errorf("got:\n%s", s)
		}
	}
}

// TestNumbersGivenOutAnew: after a new mount the highest numbers are free again.
func TestNumbersGivenOutAnew(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.MakeDisk(t, []int64{1 << 30})
	h := hand{t, filepath.Join(disk.Mount(t, ""), "live")}
	h.subvolume(".")
	h.write("keep", "1")
	h.write("d/x", "1")
	snap(t, h.dir, filepath.Join(filepath.Dir(h.dir), "old"), "-r")
	h.move("d/x", "x")
	h.remove("d")
	h.remove("x")
	disk.Unmount(t)
	h.dir = filepath.Join(disk.Mount(t, ""), "live")
	h.write("e/x", "2")
	old, live := subvolumeID(t, filepath.Join(filepath.Dir(h.dir), "old")), subvolumeID(t, h.dir)
	got, _ := collect(t, openFS(t, h.dir), old, live, Tree)
	if s := show(got); s != "added e (directory)\nadded e/x\nremoved d (directory)\nremoved d/x" {
		t.Errorf("got:\n%s", s)
	}
}

// TestSnapshotInside: a snapshot that lies inside of what it was taken of, as
// most do, is an entry that the live side alone has.
func TestSnapshotInside(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h := hand{t, disk.Dir}
	h.write("a", "1")
	h.mkdir(".snapshots")
	id := snap(t, h.dir, h.at(".snapshots/1"), "-r")
	got, r := collect(t, openFS(t, h.dir), id, 5, Auto)
	if s := show(got); s != "added .snapshots/1 (subvolume)" || !r.Related {
		t.Errorf("related %v, got:\n%s", r.Related, s)
	}
}

// TestChanging: a live side that is written to meanwhile is said to be changing.
func TestChanging(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	h := hand{t, filepath.Join(disk.Dir, "live")}
	h.subvolume(".")
	for i := range 300 {
		h.write(fmt.Sprint("f", i), "1")
	}
	old := snap(t, h.dir, filepath.Join(disk.Dir, "old"), "-r")
	for i := range 300 {
		h.write(fmt.Sprint("f", i), "2")
	}
	n := 0
	r, err := Run(t.Context(), fs, old, subvolumeID(t, h.dir), Options{}, func(Change) error {
		if n++; n == 10 {
			h.remove("f200")
			h.write("late", "3")
		}
		return nil
	})
	if err != nil || !r.Changing || len(r.Notes) == 0 {
		t.Errorf("%v, %+v", err, r)
	}
	if r, err = Run(t.Context(), fs, old, subvolumeID(t, h.dir), Options{}, func(Change) error { return nil }); err != nil || r.Changing {
		t.Errorf("when it is quiet again: %v, %+v", err, r)
	}
}

// TestStops: an error of the receiver and a cancelled context end it, with
// every engine, and no goroutine or pipe stays.
func TestStops(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	h := hand{t, filepath.Join(disk.Dir, "live")}
	h.subvolume(".")
	old := snap(t, h.dir, filepath.Join(disk.Dir, "old"), "-r")
	for i := range 2000 {
		h.write(fmt.Sprint("f", i), "1")
	}
	now := snap(t, h.dir, filepath.Join(disk.Dir, "new"), "-r")
	open := func() int {
		l, err := os.ReadDir("/proc/self/fd")
		h.ok(err)
		return len(l)
	}
	before := open()
	enough := errors.New("enough")
	for _, engine := range []Engine{Tree, Send, Paths} {
		n := 0
		stop := func(Change) error {
			if n++; n == 5 {
				return enough
			}
			return nil
		}
		if _, err := Run(t.Context(), fs, old, now, Options{Engine: engine}, stop); !errors.Is(err, enough) || n != 5 {
			t.Errorf("%s: %v after %d", engine, err, n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		progress := func(Progress) { cancel() }
		if _, err := Run(ctx, fs, old, now, Options{Engine: engine, Progress: progress}, func(Change) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: cancelled, but %v", engine, err)
		}
		cancel()
		if _, err := Run(ctx, fs, old, now, Options{Engine: engine}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: begun when cancelled: %v", engine, err)
		}
	}
	if n := open(); n != before {
		t.Errorf("%d files open, %d before", n, before)
	}
}

// TestUnrelated compares a copy that knows nothing of its model, after things
// were done to it, with a comparison of two walks by path.
func TestUnrelated(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for i, s := range shapes[:3] {
		t.Run(s.name, func(t *testing.T) {
			l := newLab(t, s, uint64(i))
			for range 80 {
				l.p.step()
			}
			other := filepath.Join(l.top, "other")
			annatest.Run(t, "btrfs", "subvolume", "create", other)
			annatest.Run(t, "cp", "-a", "--reflink=never", l.dir+"/.", other)
			p := &program{t: t, r: l.p.r, dir: other}
			for range 5 {
				for range 15 {
					p.step()
				}
				a, b := walk(t, l.dir, nil), walk(t, other, nil)
				got, r := collect(t, l.fs, subvolumeID(t, l.dir), subvolumeID(t, other), Auto)
				if r.Engine != Paths || r.Related {
					t.Fatalf("engine %s, related %v", r.Engine, r.Related)
				}
				var have []string
				for _, c := range got {
					have = append(have, fmt.Sprintf("%s %q %s", c.Kind, c.Path, strings.Join(c.Attributes, " ")))
				}
				slices.Sort(have)
				want, loose, size := byPath(a, b)
				have = slices.DeleteFunc(have, func(s string) bool { return slices.Contains(loose, s) })
				if d := difference(want, have); d != "" {
					t.Fatalf("truth (-) and answer (+):\n%s", brief.Replace(d))
				}
				if r.Summary.SizeDelta != size {
					t.Errorf("delta %d, truth %d", r.Summary.SizeDelta, size)
				}
			}
		})
	}
}

// byPath is the truth by path. loose are changes that checksums cannot exclude.
func byPath(a, b *seenTree) (list, loose []string, size int64) {
	x := expectation{a: a, b: b}
	for w, t := range []*seenTree{a, b} {
		for _, i := range t.inodes {
			n, _ := i.bytes()
			size += int64(n) * int64(2*w-1)
		}
	}
	entries := func(t *seenTree, dir string) (names []string) {
		for p := range t.paths {
			if p != "." && filepath.Dir(p) == dir {
				names = append(names, filepath.Base(p))
			}
		}
		slices.Sort(names)
		return names
	}
	for p, i := range a.paths {
		j := b.paths[p]
		if j == nil {
			list = append(list, fmt.Sprintf("removed %q ", p))
			continue
		}
		if i.typ() != j.typ() {
			list = append(list, fmt.Sprintf("type_changed %q ", p))
			continue
		}
		if i.subvol != 0 {
			continue
		}
		attrs := x.attributes(i, j)
		if i.isDir() && !slices.Equal(entries(a, p), entries(b, p)) {
			attrs = slices.DeleteFunc(attrs, func(s string) bool { return s == "mtime" })
		}
		kind := Kind("")
		switch {
		case i.hash != j.hash:
			kind = Modified
		case len(attrs) > 0:
			kind = Metadata
		}
		line := func(k Kind) string { return fmt.Sprintf("%s %q %s", k, p, strings.Join(attrs, " ")) }
		if i.hash == j.hash && (i.packed || j.packed || (i.flags|j.flags)&0x800000 != 0) {
			loose = append(loose, line(Modified), line(Metadata))
			continue
		}
		if kind != "" {
			list = append(list, line(kind))
		}
	}
	for p := range b.paths {
		if a.paths[p] == nil {
			list = append(list, fmt.Sprintf("added %q ", p))
		}
	}
	slices.Sort(list)
	return list, loose, size
}
