package btrfs

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

func openFS(t testing.TB, dir string) *FS {
	t.Helper()
	fs, err := Open(dir, Roots{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	return fs
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// checkAll compares every figure of a file system with btrfs-progs.
func checkAll(t *testing.T, d *annatest.Disk, dir string) {
	t.Helper()
	fs := openFS(t, dir)
	if err := fs.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	dev := d.Loops[0].Path
	checkInfo(t, fs, dev)
	checkSpace(t, fs, dir)
	checkGroups(t, fs, dev)
	checkSubvolumes(t, fs, dev)
}

func checkInfo(t *testing.T, fs *FS, dev string) {
	t.Helper()
	i := must(fs.Info())(t)
	none(t, i.Missing)
	got := []string{i.FSID.String(), i.Checksum}
	csum := superField(t, dev, "csum_type")
	csum = strings.TrimSuffix(csum[strings.Index(csum, "(")+1:], ")")
	csum = map[string]string{"blake2": "blake2b", "blake2b": "blake2b", "xxhash64": "xxhash64"}[csum] + map[string]string{"crc32c": "crc32c", "sha256": "sha256"}[csum]
	want := []string{strings.Fields(superField(t, dev, "fsid"))[0], csum}
	if !slices.Equal(got, want) {
		t.Errorf("info %v, dump-super says %v", got, want)
	}
	nums := []uint64{uint64(i.NodeSize), uint64(i.SectorSize), i.Devices, i.Generation}
	var wantNums []uint64
	for _, f := range []string{"nodesize", "sectorsize", "num_devices", "generation"} {
		wantNums = append(wantNums, number(superField(t, dev, f)))
	}
	if !slices.Equal(nums, wantNums) {
		t.Errorf("nodesize, sectorsize, devices, generation: %v, dump-super says %v", nums, wantNums)
	}
}

func checkSpace(t *testing.T, fs *FS, dir string) {
	t.Helper()
	s := must(fs.Space(t.Context()))(t)
	none(t, s.Missing)
	if !s.Exact {
		t.Error("as root the holes must be known")
	}
	got := map[string][2]uint64{}
	for _, ty := range s.Types {
		for _, p := range ty.Profiles {
			got[p.Profile.String()] = [2]uint64{p.Total, p.Used}
		}
	}
	want := df(t, dir)
	delete(want, "globalreserve,single")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("space (-progs +ours):\n%s", diff)
	}
	devices := must(fs.Devices(t.Context()))(t)
	none(t, devices.Missing)
	usage := deviceUsage(t, dir)
	if len(usage) != len(devices.List) {
		t.Errorf("%d devices, progs say %d", len(devices.List), len(usage))
	}
	for _, d := range devices.List {
		u := usage[d.ID]
		if d.Size != u["Device size"] || d.Unallocated() != u["Unallocated"] || d.BlockSize-d.Size != u["Device slack"] {
			t.Errorf("device %d: size %d, unallocated %d, block size %d; progs say %v", d.ID, d.Size, d.Unallocated(), d.BlockSize, u)
		}
		var holes uint64
		for _, r := range s.Rooms {
			if r.Device == d.ID {
				holes = r.total()
			}
		}
		if holes > d.Unallocated() || d.Unallocated()-holes > reservedStart {
			t.Errorf("device %d: holes of %d bytes, unallocated %d", d.ID, holes, d.Unallocated())
		}
		if d.Errors == nil || d.Errors.Total() != 0 || d.Absent || d.Seed || !d.Writable {
			t.Errorf("device %d: %+v, errors %+v", d.ID, d, d.Errors)
		}
	}
}

func checkGroups(t *testing.T, fs *FS, dev string) {
	t.Helper()
	groups := must(fs.BlockGroups(t.Context()))(t)
	none(t, groups.Missing)
	tree := "extent"
	if must(fs.Info())(t).Has("block_group_tree") {
		tree = "11" // not every btrfs-progs has a name for it
	}
	got := map[uint64][2]uint64{}
	for _, g := range groups.List {
		if !g.Known {
			t.Errorf("use of block group %d unknown", g.Start)
		}
		got[g.Start] = [2]uint64{g.Length, g.Used}
	}
	if diff := cmp.Diff(dumpGroups(t, dev, tree), got); diff != "" {
		t.Errorf("block groups (-progs +ours):\n%s", diff)
	}
}

// rootItemFields ignores what the root tree does not hold.
var rootItemFields = cmpopts.IgnoreFields(Subvolume{}, "Path", "Default", "TreeBytes", "Changed", "Sent", "Received", "Reach", "Mounts", "HiddenBy")

func checkSubvolumes(t *testing.T, fs *FS, dev string) *Subvolumes {
	t.Helper()
	list := must(fs.Subvolumes(t.Context()))(t)
	none(t, list.Missing)
	got := map[uint64]Subvolume{}
	for _, v := range list.List {
		got[v.ID] = v
	}
	if diff := cmp.Diff(dumpRoots(t, dev), got, rootItemFields); diff != "" {
		t.Errorf("subvolumes (-progs +ours):\n%s", diff)
	}
	return list
}

func none(t testing.TB, list []Missing) {
	t.Helper()
	for _, m := range list {
		t.Errorf("missing: %v", m)
	}
}
