package storage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

const mib = 1 << 20

// populate makes a disk with what people have: @, @home, snapshots, a name that
// is none, and a closed directory with a subvolume in it.
func populate(t testing.TB, dir string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	make := func(name string) { annatest.Run(t, "btrfs", "subvolume", "create", in(name)) }
	make("@")
	make("@home")
	annatest.WriteFile(t, in("@"), "data", 5*mib)
	for _, name := range []string{"snaps", "closed/inner"} {
		if err := os.MkdirAll(in(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", in("@"), in("snaps/one"))
	annatest.Run(t, "btrfs", "subvolume", "snapshot", in("snaps/one"), in("snaps/new\nline \xff"))
	make("closed/inner/secret")
	if err := os.Chmod(in("closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
	openUp(t, dir)
}

// number finds the number after a word in what a program said.
func number(t testing.TB, text, pattern string) uint64 {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in\n%s", pattern, text)
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func sysfs(t testing.TB, uuid, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/sys/fs/btrfs", uuid, name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestShow compares what root and nobody are shown with btrfs-progs and sysfs.
func TestShow(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.MakeDisk(t, []int64{1024 * mib, 600 * mib}, "-L", "my data", "-m", "raid1", "-d", "single")
	d.Dir = d.Mount(t, "compress=zstd:3")
	populate(t, d.Dir)
	home := d.Mount(t, "subvol=@home,compress=zstd:3")
	openUp(t, home)
	raw := annatest.Run(t, "btrfs", "filesystem", "usage", "-b", d.Dir)
	for _, uid := range []uint32{0, nobody} {
		t.Run(fmt.Sprint(uid), func(t *testing.T) {
			s := annaJSON[Show](t, uid, noSocket, "storage", "btrfs", "show", d.Dir)
			if len(s.Filesystems) != 1 {
				t.Fatalf("%d file systems", len(s.Filesystems))
			}
			f := s.Filesystems[0]
			if f.Label != "my data" || f.Level != health.OK || f.SeenBy != byClient || f.Space == nil || f.Subvolumes == nil || f.Operations == nil || f.Quota == nil {
				t.Fatalf("%+v", f)
			}
			for name, pair := range map[string][2]uint64{
				"device size": {f.Space.DeviceBytes, number(t, raw, `Device size:\s+(\d+)`)},
				"allocated":   {f.Space.Allocated, number(t, raw, `Device allocated:\s+(\d+)`)},
				"unallocated": {f.Space.Unallocated, number(t, raw, `Device unallocated:\s+(\d+)`)},
				"data":        {f.Space.Types[0].Used, sysfs(t, f.UUID, "allocation/data/bytes_used")},
				"data chunks": {f.Space.Types[0].Total, sysfs(t, f.UUID, "allocation/data/total_bytes")},
				"metadata":    {f.Space.Types[1].Used, sysfs(t, f.UUID, "allocation/metadata/bytes_used")},
				"reserve":     {f.Space.Reserve, number(t, raw, `Global reserve:\s+(\d+)`)},
				"node size":   {uint64(f.Format.NodeSize), sysfs(t, f.UUID, "nodesize")},
				"devices":     {uint64(len(f.Devices)), 2},
				"device 1":    {f.Devices[0].Size, 1024 * mib},
				"mounts":      {uint64(len(f.Mounts)), 2},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: %d, btrfs says %d", name, pair[0], pair[1])
				}
			}
			if !slices.Equal(f.Compression, []string{"zstd:3"}) || f.Mounts[1].Root != "/@home" || f.Mounts[1].Point != home {
				t.Errorf("compression %v, mounts %+v", f.Compression, f.Mounts)
			}
			counts, privileged := *f.Subvolumes, uid == 0
			want := Counts{Total: 6, Snapshots: 2, ReadOnly: 1, Complete: true, Oldest: counts.Oldest, Newest: counts.Newest}
			if !privileged {
				want.Complete = false
			}
			if counts != want || counts.Oldest.IsZero() {
				t.Errorf("counts %+v, want %+v", counts, want)
			}
			if f.Space.Exact != privileged || (len(f.Missing) == 0) != privileged || (f.Default == nil) == privileged {
				t.Errorf("exact %v, default %v, missing %v", f.Space.Exact, f.Default, f.Missing)
			}
			text, _, status := anna(t, uid, noSocket, "storage", "btrfs", d.Dir, "--wide")
			if status != 0 || !strings.Contains(text, "healthy · 'my data' "+f.UUID) || !strings.Contains(text, "really free") {
				t.Errorf("status %d:\n%s", status, text)
			}
			explained, _, status := anna(t, uid, noSocket, "storage", "btrfs", "--explain", "space", d.Dir)
			if status != 0 || !strings.Contains(explained, "'my data' "+f.UUID+": ") || strings.Contains(explained, "healthy") {
				t.Errorf("status %d:\n%s", status, explained)
			}
			if strings.Contains(text, "not seen without privilege") == privileged {
				t.Errorf("uid %d reads:\n%s", uid, text)
			}
		})
	}
}

// TestTree compares the tree with what btrfs-progs list.
func TestTree(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	var want []string
	for line := range strings.Lines(annatest.Run(t, "btrfs", "subvolume", "list", "-p", d.Dir)) {
		if f := strings.Fields(line); len(f) > 8 && f[0] == "ID" { // a name with a line end makes lines that are none
			want = append(want, f[1]+" below "+f[5])
		}
	}
	slices.Sort(want)
	list := func(tree Trees) (out []string) {
		top := tree.Filesystems[0].Roots
		if len(top) != 1 || top[0].ID != 5 || top[0].Path != "/" {
			t.Errorf("roots %+v", top)
		}
		for todo := slices.Clone(top[0].Children); len(todo) > 0; {
			n := todo[len(todo)-1]
			todo = append(todo[:len(todo)-1], n.Children...)
			out = append(out, fmt.Sprintf("%d below %d", n.ID, n.Parent))
			if n.ID == 259 && string(n.PathRaw) != "/snaps/new\nline \xff" {
				t.Errorf("the bytes of the name are lost: %+v", n)
			}
		}
		slices.Sort(out)
		return out
	}
	root := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir)
	if got := list(root); !slices.Equal(got, want) || len(got) != 5 {
		t.Errorf("root sees %v, btrfs %v", got, want)
	}
	fs, err := btrfs.Open(d.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	subs, err := fs.Subvolumes(t.Context())
	fs.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range root.Filesystems[0].Roots[0].Children {
		if v := subs.Find(n.ID); *n.TreeBytes != v.TreeBytes || *n.ReadOnly != v.ReadOnly || *n.Snapshot != v.Snapshot() || n.Generation != v.Generation {
			t.Errorf("%+v is not %+v", n, v)
		}
	}
	if top := root.Filesystems[0].Roots[0]; top.Default == nil || !*top.Default || *top.Children[0].Default {
		t.Errorf("the default is the top: %v, %v", top.Default, top.Children[0].Default)
	}
	other := annaJSON[Trees](t, nobody, noSocket, "storage", "btrfs", "tree", d.Dir)
	if top := other.Filesystems[0].Roots[0]; top.Default != nil || top.Children[0].Default != nil {
		t.Errorf("nobody is told what is the default: %v, %v", *top.Default, *top.Children[0].Default)
	}
	if got := list(other); !slices.Equal(got, want) { // what is closed has a number and no name
		t.Errorf("nobody sees %v of %v", got, want)
	}
	text, _, _ := anna(t, nobody, noSocket, "storage", "btrfs", "tree", d.Dir)
	if strings.Contains(text, "secret") || !strings.Contains(text, `$'snaps/new\nline \xff' (rw, snapshot)`) || !strings.Contains(text, "as far as you can see 6 subvolumes") || !strings.Contains(text, "subvolume 260 (closed to you)\n") ||
		!strings.Contains(text, "attributes of 1 subvolume, and what lies below it unknown: permission denied") {
		t.Errorf("nobody reads:\n%s", text)
	}

	// A file system of which only a part is mounted shows all of it.
	part := annatest.MakeDisk(t, []int64{256 * mib})
	whole := part.Mount(t, "")
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(whole, "@"))
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(whole, "other"))
	part.Unmount(t)
	mounted := part.Mount(t, "subvol=@")
	text, _, _ = anna(t, 0, noSocket, "storage", "btrfs", "tree", mounted)
	if !strings.Contains(text, "├── @ (rw) · mounted at "+mounted) || !strings.Contains(text, "other (rw) · not mounted") {
		t.Errorf("a part:\n%s", text)
	}
}

// TestTreeSizes takes sizes from quotas, where they are on.
func TestTreeSizes(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib}, "-R", "quota,free-space-tree")
	populate(t, d.Dir)
	tree := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir, "--sort", "size", "--depth", "1").Filesystems[0]
	first := tree.Roots[0].Children[0]
	raw := annatest.Run(t, "btrfs", "qgroup", "show", "--raw", d.Dir)
	if first.Referenced == nil || *first.Referenced != number(t, raw, fmt.Sprintf(`0/%d\s+(\d+)`, first.ID)) || *first.Referenced < 5*mib {
		t.Errorf("the largest is %+v; btrfs says\n%s", first, raw)
	}
	if len(tree.Missing) != 0 {
		t.Errorf("missing %v", tree.Missing)
	}
}

// TestUsage compares the space in full, and its block groups.
func TestUsage(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	u := annaJSON[Usages](t, 0, noSocket, "storage", "btrfs", "usage", d.Dir).Filesystems[0]
	if u.Space == nil || u.BlockGroups == nil || u.Space.Headroom == nil || len(u.Missing) != 0 {
		t.Fatalf("%+v", u)
	}
	h := u.Space.Headroom
	if int64(h.Slack+h.Allocatable)-int64(h.Reserve) != h.Bytes || h.Bytes <= 0 {
		t.Errorf("headroom %+v", h)
	}
	var used uint64
	for _, b := range u.BlockGroups.LeastUsed {
		if strings.HasPrefix(b.Profile, "data") {
			used += b.Used
		}
	}
	if data := sysfs(t, u.UUID, "allocation/data/bytes_used"); used != data || data < 5*mib {
		t.Errorf("data block groups hold %d, sysfs says %d", used, data)
	}
	if !strings.HasPrefix(u.Trend.Why, "the daemon keeps the history, and cannot be asked: ") || len(u.Trend.Lines) != 0 {
		t.Errorf("trend %+v", u.Trend)
	}
	other := annaJSON[Usages](t, nobody, noSocket, "storage", "btrfs", "usage", d.Dir).Filesystems[0]
	if other.BlockGroups != nil || other.Space == nil || other.Space.Exact || other.Space.Unallocated != u.Space.Unallocated {
		t.Errorf("nobody sees %+v", other)
	}
	if !slices.ContainsFunc(other.Missing, func(m Missing) bool { return m.What == "block groups" && m.Need == "CAP_SYS_ADMIN" }) {
		t.Errorf("nobody is not told what is missing: %v", other.Missing)
	}
}

// TestDegraded mounts a raid1 without one of its devices.
func TestDegraded(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib, 512 * mib}, "-m", "raid1", "-d", "raid1")
	annatest.WriteFile(t, d.Dir, "data", mib)
	d.Unmount(t)
	d.Loops[1].Pull(t)
	dir := d.Mount(t, "degraded")
	f := annaJSON[Show](t, 0, noSocket, "storage", "btrfs", dir).Filesystems[0]
	if f.Level != health.Critical || !f.Degraded || len(f.Problems) == 0 || f.Problems[0].ID != "device_missing" || !strings.Contains(f.Problems[0].Text, "device 2 is missing") {
		t.Errorf("level %v, problems %+v", f.Level, f.Problems)
	}
	text, _, status := anna(t, 0, noSocket, "storage", "btrfs", dir)
	first, rest, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(first, "■ critical") || !strings.HasPrefix(rest, "  ■ device 2 is missing") || status != 0 {
		t.Errorf("status %d:\n%s", status, text)
	}
}

// TestGone unmounts a file system between the finding and the looking, and loses
// a device under another.
func TestGone(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 * mib})
	v := &viewer{ctx: t.Context(), privileged: true}
	found, err := v.find(d.Dir)
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	d.Unmount(t)
	f := v.show(found[0], nil)
	if f.UUID == "" || f.Level != health.Unknown || f.Space != nil || len(f.Missing) == 0 {
		t.Errorf("show: %+v", f)
	}
	if u := v.usage(found[0]); u.Space != nil || len(u.Missing) == 0 || u.UUID == "" {
		t.Errorf("usage: %+v", u)
	}
	if tree, err := v.tree(found[0], treeOptions{}); err == nil || len(tree.Missing) == 0 || len(tree.Roots) != 0 {
		t.Errorf("tree: %+v, %v", tree, err)
	}

	cut := annatest.NewDisk(t, []int64{256 * mib})
	populate(t, cut.Dir)
	cut.Loops[0].Resize(t, mib) // its disk loses nearly all
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
		t.Skip(err)
	}
	exec.Command("btrfs", "subvolume", "create", filepath.Join(cut.Dir, "more")).Run()
	exec.Command("btrfs", "filesystem", "sync", cut.Dir).Run()
	text, stderr, status := anna(t, 0, noSocket, "storage", "btrfs", cut.Dir)
	if status != 0 || stderr != "" {
		t.Errorf("status %d: %s", status, stderr)
	}
	f = annaJSON[Show](t, 0, noSocket, "storage", "btrfs", cut.Dir).Filesystems[0]
	if f.Level != health.Critical || f.Space == nil || !slices.ContainsFunc(f.Problems, func(p Problem) bool { return p.ID == "device_short" }) {
		t.Errorf("a lost disk: %+v\n%s", f, text)
	}
}

// TestPaths asks about what is no Btrfs, no path, and no directory.
func TestPaths(t *testing.T) {
	for _, command := range []string{"show", "tree", "usage"} {
		out, _, status := anna(t, 0, noSocket, "storage", "btrfs", command, "/proc", "--json")
		if status != 1 || !strings.Contains(out, `"code":"NotBtrfs"`) {
			t.Errorf("%s /proc: status %d, %s", command, status, out)
		}
		_, stderr, status := anna(t, 0, noSocket, "storage", "btrfs", command, "/no/such/path")
		if status != 1 || !strings.Contains(stderr, "cannot look at /no/such/path: no such file or directory") {
			t.Errorf("%s: status %d, %s", command, status, stderr)
		}
		_, stderr, status = anna(t, 0, noSocket, "storage", "btrfs", command, "")
		if status != 64 || !strings.Contains(stderr, "the path is empty") {
			t.Errorf("%s: status %d, %s", command, status, stderr)
		}
	}
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 * mib})
	annatest.Run(t, "mkfifo", "-m", "0", filepath.Join(d.Dir, "fifo"))
	openUp(t, d.Dir)
	if s := annaJSON[Show](t, nobody, noSocket, "storage", "btrfs", filepath.Join(d.Dir, "fifo")); len(s.Filesystems) != 1 {
		t.Errorf("a FIFO that nobody may open: %+v", s)
	}
}

// TestNone holds what a machine without Btrfs is told.
func TestNone(t *testing.T) {
	table := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(table, []byte("2 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &viewer{ctx: t.Context(), roots: btrfs.Roots{Mountinfo: table}}
	found, err := v.find("")
	if err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}
