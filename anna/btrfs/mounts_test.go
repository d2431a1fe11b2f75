package btrfs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func find(t *testing.T, l *Subvolumes, path string) *Subvolume {
	t.Helper()
	for i := range l.List {
		if l.List[i].Path == path {
			return &l.List[i]
		}
	}
	t.Fatalf("no subvolume %s", path)
	return nil
}

// TestReach mounts parts of a file system here and there and asks what leads
// where.
func TestReach(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	annatest.Run(t, "btrfs", "subvolume", "set-default", filepath.Join(d.Dir, "@"))
	d.Unmount(t)

	root := d.Mount(t, "subvol=/@,compress=zstd:3")
	other := t.TempDir()
	d.Bind(t, filepath.Join(root, "a"), other)
	fs := openFS(t, root)
	list := must(fs.Subvolumes(t.Context()))(t)
	none(t, list.Missing)

	at := find(t, list, "/@")
	if list.Default != at.ID || !at.Default {
		t.Errorf("default %d, @ is %d", list.Default, at.ID)
	}
	if len(at.Mounts) != 1 || at.Mounts[0].Point != root || at.Mounts[0].Compression() != "zstd:3" || at.Mounts[0].Subvolume != at.ID {
		t.Errorf("mounts of @: %+v", at.Mounts)
	}
	if id := must(fs.SubvolumeOf())(t); id != at.ID {
		t.Errorf("opened subvolume %d, want %d", id, at.ID)
	}
	paths := func(v *Subvolume) (list []string) {
		for _, r := range v.Reach {
			list = append(list, r.Path)
		}
		slices.Sort(list)
		return list
	}
	want := []string{root + "/a/b/nested", other + "/b/nested"}
	slices.Sort(want)
	if got := paths(find(t, list, "/@/a/b/nested")); !slices.Equal(got, want) {
		t.Errorf("nested is reached by %v, want %v", got, want)
	}
	for _, p := range []string{"/", "/snapshots/1 one/snapshot"} {
		if v := find(t, list, p); v.Reachability() != Unreachable || len(v.Mounts) != 0 {
			t.Errorf("%s: %s by %v", p, v.Reachability(), paths(v))
		}
	}

	// A file system over the directory above the nested subvolume hides it
	// there; the bind mount still leads to it.
	over := filepath.Join(root, "a")
	if err := unix.Mount("none", over, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(over, unix.MNT_DETACH) })
	list = must(fs.Subvolumes(t.Context()))(t)
	nested := find(t, list, "/@/a/b/nested")
	if got := paths(nested); !slices.Equal(got, []string{other + "/b/nested"}) {
		t.Errorf("nested is reached by %v", got)
	}
	if len(nested.HiddenBy) != 1 || nested.HiddenBy[0].Point != over {
		t.Errorf("nested is hidden by %+v", nested.HiddenBy)
	}
	if err := unix.Unmount(other, 0); err != nil {
		t.Fatal(err)
	}
	list = must(fs.Subvolumes(t.Context()))(t)
	if r := find(t, list, "/@/a/b/nested").Reachability(); r != Hidden {
		t.Errorf("nested is %s", r)
	}

	// A mount over the mount itself.
	if err := unix.Mount("none", root, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	list = must(fs.Subvolumes(t.Context()))(t)
	if v := find(t, list, "/@"); v.Reachability() != Hidden || len(v.Mounts) != 1 || v.Mounts[0].HiddenBy == 0 {
		t.Errorf("@ is %s, mounts %+v", v.Reachability(), v.Mounts)
	}
	// List finds it although no path leads to it any more.
	for _, m := range must(List(t.Context(), Roots{}))(t) {
		if slices.ContainsFunc(m.Mounts, func(m Mount) bool { return m.Point == root }) && m.FSID != fs.FSID {
			t.Errorf("listed as %v, want %v; missing %v", m.FSID, fs.FSID, m.Missing)
		}
	}
}

// TestPendingDeletion keeps a deleted subvolume from being cleaned by holding
// it open.
func TestPendingDeletion(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	doomed := filepath.Join(d.Dir, "@/a/b/nested")
	hold, err := os.Open(doomed)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	fs := openFS(t, d.Dir)
	before := find(t, must(fs.Subvolumes(t.Context()))(t), "/@/a/b/nested")
	annatest.Run(t, "btrfs", "subvolume", "delete", doomed)
	list := must(fs.Subvolumes(t.Context()))(t)
	v := list.Find(before.ID)
	if v == nil || !v.Deleted || v.Path != "" || v.Parent != 0 || v.Reachability() != Pending || v.UUID != before.UUID {
		t.Errorf("after deletion: %+v", v)
	}
	if n := len(list.List); n != 4 {
		t.Errorf("%d subvolumes, want 4", n)
	}
}

// TestOddNames gives subvolumes names of all kinds of bytes and finds them
// again, by the search and by the walk.
func TestOddNames(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	for _, name := range []string{"sp ace", "tab\there", "new\nline", `back\slash`, "ha#sh", "\xff\xfe", strings.Repeat("n", 255), "-dash"} {
		path := filepath.Join(d.Dir, name)
		annatest.Run(t, "btrfs", "subvolume", "create", "--", path)
		over := t.TempDir()
		d.Bind(t, path, over)
		list := must(openFS(t, d.Dir).Subvolumes(t.Context()))(t)
		v := find(t, list, "/"+name)
		if len(v.Reach) != 2 || !slices.ContainsFunc(v.Reach, func(r Reach) bool { return r.Path == over }) || len(v.Mounts) != 1 {
			t.Errorf("%q: reached by %+v, mounts %+v", name, v.Reach, v.Mounts)
		}
		if v.Mounts[0].Subvolume != v.ID {
			t.Errorf("%q: mountinfo names subvolume %d, not %d", name, v.Mounts[0].Subvolume, v.ID)
		}
	}
	fs := openFS(t, d.Dir)
	searched, walked := must(fs.Subvolumes(t.Context()))(t), must(fs.walkSubvolumes(t.Context()))(t)
	for _, v := range searched.List {
		if i := slices.IndexFunc(walked.walked, func(w Subvolume) bool { return w.ID == v.ID && w.Path == v.Path }); i < 0 {
			t.Errorf("the walk does not find %q", v.Path)
		}
	}
}
