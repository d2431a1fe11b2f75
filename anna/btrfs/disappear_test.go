package btrfs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestDiskDies cuts the disk off under a file system that is open, once the
// kernel remembers nothing of it: each question is answered in part, with the
// cause, or refused with it.
func TestDiskDies(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib}, "-m", "single")
	const n = 400
	for i := range n {
		makeSubvolume(t, d.Dir, fmt.Sprintf("%03d%s", i, strings.Repeat("n", 200)))
	}
	d.Unmount(t)
	dir := d.Mount(t, "")
	fs := openFS(t, dir)
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		t.Skip(err)
	}
	d.Loops[0].Resize(t, 2*mib)

	broken := 0
	check := func(what string, known bool, miss []Missing, err error) {
		t.Helper()
		said := fmt.Sprint(miss, err)
		switch {
		case err == nil && len(miss) == 0 && !known:
			t.Errorf("%s: quietly incomplete", what)
		case err != nil || len(miss) > 0:
			broken++
			if !strings.Contains(said, "input/output error") {
				t.Errorf("%s does not name the cause: %s", what, said)
			}
		}
		t.Logf("%s: %.200s", what, said)
	}
	list, err := fs.Subvolumes(t.Context())
	if list == nil {
		list = &Subvolumes{}
	}
	check("subvolumes", len(list.List) == n+1, list.Missing, err)
	groups, err := fs.BlockGroups(t.Context())
	if groups == nil {
		groups = &BlockGroups{}
	}
	check("block groups", len(groups.List) > 0 && groups.List[0].Known, groups.Missing, err)
	space, err := fs.Space(t.Context())
	if err != nil { // the kernel has these figures in memory
		t.Fatal(err)
	}
	check("space", space.Exact && space.Type(Data) != nil, space.Missing, err)
	if broken == 0 {
		t.Error("nothing failed: the test cuts nothing off")
	}
	if s := must(fs.State(t.Context()))(t); s.Healthy() {
		t.Errorf("healthy, with a disk that answers nothing: %+v", s)
	}
}

func makeSubvolume(t *testing.T, dir, name string) {
	t.Helper()
	const subvolCreate = 0x5000940e // BTRFS_IOC_SUBVOL_CREATE
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var a [4096]byte // struct btrfs_ioctl_vol_args
	copy(a[8:], name)
	if err := (file{f}).Ioctl(subvolCreate, a[:]); err != nil {
		t.Fatal(err)
	}
}
