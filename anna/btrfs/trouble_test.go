package btrfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestDegraded takes a device away and mounts what is left.
func TestDegraded(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib, 512 * mib}, "-m", "raid1", "-d", "raid1")
	annatest.WriteFile(t, d.Dir, "data", 5*mib)
	d.Unmount(t)
	d.Loops[1].Pull(t)
	dir := d.Mount(t, "degraded")
	fs := openFS(t, dir)

	state := must(fs.State(t.Context()))(t)
	if !state.Degraded || !slices.Equal(state.Absent, []uint64{2}) || state.ReadOnly || state.Healthy() {
		t.Errorf("state %+v", state)
	}
	devices := must(fs.Devices(t.Context()))(t)
	if len(devices.List) != 2 || !devices.List[1].Absent || devices.List[1].Path != "" || devices.List[1].Size != 512*mib {
		t.Errorf("devices %+v", devices.List)
	}
	s := must(fs.Space(t.Context()))(t)
	data := s.Type(Data)
	if data.Next != Data|Single {
		t.Errorf("with one device of a raid1 left the kernel writes single; Next is %v", data.Next)
	}
	if data.Profiles[0].Profile != Data|RAID1 || data.Profiles[0].Could.Bytes != 0 || data.Could.Bytes == 0 {
		t.Errorf("raid1 could still get %+v, data %+v", data.Profiles[0].Could, data.Could)
	}
	// The kernel agrees: more than what the raid1 chunks hold becomes single.
	annatest.WriteFile(t, dir, "more", int(data.Slack())+20*mib)
	if _, ok := df(t, dir)["data,single"]; !ok {
		t.Errorf("the kernel made no single chunk: %v", df(t, dir))
	}
	if s := must(fs.Space(t.Context()))(t).Type(Data); len(s.Profiles) != 2 || s.Next != Data|Single {
		t.Errorf("several data profiles: %+v", s)
	}
}

// TestReadOnly tells a file system mounted read-only from one that the kernel
// made so after an error.
func TestReadOnly(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib}, "-m", "single")
	populate(t, d.Dir)
	fs, err := Open(d.Dir, Roots{})
	if err != nil {
		t.Fatal(err)
	}
	if s := must(fs.State(t.Context()))(t); s.ReadOnly || s.Forced || !s.Healthy() {
		t.Errorf("mounted rw: %+v", s)
	}
	fs.Close()
	d.Unmount(t)
	dir := d.Mount(t, "ro")
	fs, err = Open(dir, Roots{})
	if err != nil {
		t.Fatal(err)
	}
	if s := must(fs.State(t.Context()))(t); !s.ReadOnly || s.Forced || !s.Healthy() || len(s.Missing) != 0 {
		t.Errorf("mounted ro: %+v", s)
	}
	if n := len(must(fs.Subvolumes(t.Context()))(t).List); n != 4 {
		t.Errorf("%d subvolumes", n)
	}
	fs.Close()
	d.Unmount(t)

	// The disk loses its end: the next commit fails.
	dir = d.Mount(t, "")
	fs = openFS(t, dir)
	d.Loops[0].Resize(t, 2*mib)
	_ = os.WriteFile(filepath.Join(dir, "new"), []byte("x"), 0o600)
	_ = fs.Sync(t.Context())
	s := must(fs.State(t.Context()))(t)
	if !s.ReadOnly || !s.Forced || s.Healthy() || s.DeviceErrors == 0 {
		t.Errorf("after a failed commit: %+v", s)
	}
	if seen := lookAsNobodyIn(t, dir); !seen.State.Forced {
		t.Errorf("nobody's view after a failed commit: %+v", seen.State)
	}
	// Asked for all, it answers what it can.
	space := must(fs.Space(t.Context()))(t)
	if space.Type(Metadata) == nil || space.Type(Metadata).Used == 0 {
		t.Errorf("space %+v", space)
	}
}

func lookAsNobodyIn(t *testing.T, dir string) sight {
	t.Helper()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return lookAsNobody(t, dir)
}

// TestFull fills file systems and holds what the allocator foretold against
// what the kernel did.
func TestFull(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for name, c := range map[string]struct {
		sizes []int64
		raid  string
	}{
		"single":        {[]int64{600 * mib}, "single"},
		"dup":           {[]int64{600 * mib}, "dup"},
		"raid1 unequal": {[]int64{1 * gib, 700 * mib, 410 * mib}, "raid1"},
		"raid0 unequal": {[]int64{1 * gib, 700 * mib, 410 * mib}, "raid0"},
		"raid1c3":       {[]int64{500 * mib, 700 * mib, 410 * mib, 300 * mib}, "raid1c3"},
		"raid10":        {[]int64{500 * mib, 700 * mib, 410 * mib, 300 * mib, 300 * mib}, "raid10"},
		"raid5 unequal": {[]int64{500 * mib, 700 * mib, 410 * mib}, "raid5"},
		"raid6":         {[]int64{500 * mib, 700 * mib, 410 * mib, 300 * mib}, "raid6"},
		"large":         {[]int64{30 * gib, 17 * gib}, "raid1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := annatest.NewDisk(t, c.sizes, "-m", "single", "-d", c.raid)
			fs := openFS(t, d.Dir)
			before := must(fs.Space(t.Context()))(t)
			data := before.Type(Data)
			want := data.Total + data.Could.Bytes
			fill(t, d.Dir)
			after := must(fs.Space(t.Context()))(t)
			got := after.Type(Data)
			// When metadata takes a chunk on the way, as it does where others sync
			// meanwhile, it takes it from what data cannot use (it is single, and
			// goes to the device with most room), or else data has that much less
			// on as many devices as a stripe has.
			devices := uint64(len(c.sizes))
			meta := sub(after.Type(Metadata).Total, before.Type(Metadata).Total)
			lost := sub(want, got.Total)
			if got.Total > want || lost > meta*devices || got.Could.Bytes != 0 {
				t.Errorf("%v: foretold %d (%d chunks, %d stranded), the kernel got %d; metadata grew by %d; could still get %+v",
					data.Next, want, data.Could.Chunks, data.Could.Stranded, got.Total, meta, got.Could)
			}
			left, stranded := after.Unallocated+meta, data.Could.Stranded+devices*reservedStart
			if left < stranded || left-stranded > devices*mib+4*lost {
				t.Errorf("stranded %d and the first MiB of each device, left unallocated %d; metadata grew by %d, data lost %d", data.Could.Stranded, after.Unallocated, meta, lost)
			}
			if name == "single" && (after.Unallocated != 1*mib || after.Headroom.Allocatable != 0 || after.Headroom.Chunks != 0) {
				t.Errorf("nothing but the first MiB is left: unallocated %d, headroom %+v", after.Unallocated, after.Headroom)
			}
			if h := after.Headroom; h.Bytes != int64(h.Slack+h.Allocatable)-int64(h.Reserve) {
				t.Errorf("headroom %+v", h)
			}
		})
	}
}

// fill takes all data space without writing it.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(0)
	for step := int64(gib); step >= 64<<10; {
		err := unix.Fallocate(int(f.Fd()), 0, at, step)
		switch {
		case errors.Is(err, unix.ENOSPC):
			step /= 2
		case err != nil && !errors.Is(err, unix.EINTR):
			t.Fatal(err)
		case err == nil:
			at += step
		}
	}
}

// TestClones mounts a disk and its bit-for-bit copy at once.
func TestClones(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.MakeDisk(t, []int64{256 * mib})
	copied := filepath.Join(t.TempDir(), "copy")
	annatest.Run(t, "cp", "--sparse=always", d.Loops[0].File, copied)
	clone := &annatest.Disk{Loops: []*annatest.Loop{annatest.AttachLoop(t, copied)}}
	one, two := d.Mount(t, ""), t.TempDir()
	if err := clone.MountAt(t, two, ""); errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) {
		t.Skip("this kernel mounts no clones")
	} else if err != nil {
		t.Fatal(err)
	}
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(two, "only here"))
	a, b := openFS(t, one), openFS(t, two)
	if a.FSID == b.FSID {
		t.Errorf("both are %v", a.FSID)
	}
	ia, ib := must(a.Info())(t), must(b.Info())(t)
	if ia.TempFSID || !ib.TempFSID || ib.MetadataUUID != ia.FSID {
		t.Errorf("temp fsid: %v and %v; on disk %v", ia.TempFSID, ib.TempFSID, ib.MetadataUUID)
	}
	find(t, must(b.Subvolumes(t.Context()))(t), "/only here")
	if n := len(must(a.Subvolumes(t.Context()))(t).List); n != 1 {
		t.Errorf("%d subvolumes in the first", n)
	}
	for _, fs := range []*FS{a, b} {
		l := must(fs.Devices(t.Context()))(t).List
		if len(l) != 1 || l[0].Seed || l[0].Absent {
			t.Errorf("devices %+v", l)
		}
	}
	list := must(List(t.Context(), Roots{}))(t)
	for _, want := range []struct {
		dir string
		id  UUID
	}{{one, a.FSID}, {two, b.FSID}} {
		i := slices.IndexFunc(list, func(m Mounted) bool { return m.Mounts[0].Point == want.dir })
		if i < 0 || list[i].FSID != want.id || len(list[i].Mounts) != 1 {
			t.Errorf("%s is not listed as %v", want.dir, want.id)
		}
	}
}

// TestOtherDevice finds another device where one of the file system's is said to
// be, as in a sandbox with a /dev of its own.
func TestOtherDevice(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	fs := openFS(t, d.Dir)
	open := func() error {
		f, err := fs.OpenDevice(1)
		if err == nil {
			f.Close()
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	other := annatest.NewLoop(t, 512*mib)
	d.Bind(t, other.Path, d.Loops[0].Path)
	want := "cannot open device 1: " + d.Loops[0].Path + ": it is another device here"
	if err := open(); err == nil || err.Error() != want {
		t.Errorf("%v, wanted %q", err, want)
	}
	plain := must(os.CreateTemp(t.TempDir(), ""))(t)
	plain.Close()
	d.Bind(t, plain.Name(), d.Loops[0].Path)
	if err := open(); err == nil {
		t.Error("a file was taken for a device")
	}
}

// TestSeed adds a device to a seed: the seed's device belongs to another.
func TestSeed(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.MakeDisk(t, []int64{256 * mib})
	annatest.Run(t, "btrfstune", "-S", "1", d.Loops[0].Path)
	dir := d.Mount(t, "ro")
	if s := must(must(Open(dir, Roots{}))(t).State(t.Context()))(t); s.Forced || !s.ReadOnly {
		t.Errorf("a seed is read-only, but not by force: %+v", s)
	}
	extra := annatest.NewLoop(t, 512*mib)
	annatest.Run(t, "btrfs", "device", "add", "-f", extra.Path, dir)
	annatest.Run(t, "mount", "-o", "remount,rw", dir)
	l := must(openFS(t, dir).Devices(t.Context()))(t).List
	if len(l) != 2 || !l[0].Seed || l[0].Writable || l[1].Seed || !l[1].Writable {
		t.Errorf("devices %+v", l)
	}
}

// TestScrubAndBalance starts both and follows them.
func TestScrubAndBalance(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	annatest.WriteFile(t, d.Dir, "data", 20*mib)
	fs := openFS(t, d.Dir)
	if o := must(fs.Operations(t.Context()))(t); o.Running() || o.Exclusive != "none" || len(o.Missing) != 0 {
		t.Errorf("operations of an idle file system: %+v", o)
	}
	p, err := fs.Scrub(t.Context(), 1, ScrubOptions{ReadOnly: true})
	if err != nil || p.Errors() != 0 || p.DataBytes != must(fs.Space(t.Context()))(t).Type(Data).Used {
		t.Errorf("scrub %+v, %v", p, err)
	}
	if _, err := fs.Scrub(t.Context(), 99, ScrubOptions{}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("scrub of no device: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fs.Scrub(done, 1, ScrubOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled scrub: %v", err)
	}

	g := must(fs.BlockGroups(t.Context()))(t).LeastUsed(Data, 1)[0]
	b, err := fs.Balance(t.Context(), BalanceFilter{Type: Data, Start: g.Start, End: g.Start + g.Length})
	if err != nil || b.Completed != 1 {
		t.Errorf("balance %+v, %v", b, err)
	}
	for _, after := range must(fs.BlockGroups(t.Context()))(t).List {
		if after.Start == g.Start {
			t.Errorf("block group %d is still there", g.Start)
		}
	}
	if err := fs.CancelBalance(); err != nil {
		t.Error(err)
	}
	if err := fs.CancelScrub(); err != nil {
		t.Error(err)
	}
}

// TestGone asks a file system that was unmounted behind its back.
func TestGone(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{256 * mib})
	fs := openFS(t, d.Dir)
	list := must(List(t.Context(), Roots{}))(t)
	i := slices.IndexFunc(list, func(m Mounted) bool { return m.FSID == fs.FSID })
	if i < 0 {
		t.Fatal("not listed")
	}
	if err := unix.Unmount(d.Dir, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	// Still open: it answers, but no mount leads to it.
	v := must(fs.Subvolumes(t.Context()))(t)
	if len(v.List) != 1 || v.List[0].Reachability() != Unreachable || len(v.Missing) != 1 || v.Missing[0].Need != NeedMore {
		t.Errorf("lazily unmounted: %+v, missing %v", v.List, v.Missing)
	}
	fs.Close()
	if _, err := fs.Space(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := list[i].Open(Roots{}); err == nil {
		t.Error("an unmounted file system opens")
	}
	if _, err := Open("/proc/self/status", Roots{}); !errors.Is(err, ErrNotBtrfs) {
		t.Errorf("not Btrfs: %v", err)
	}
}
