package btrfs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzItems decodes anything as every kind of item.
func FuzzItems(f *testing.F) {
	f.Add(fakeRoot(3, 1))
	f.Add(fakeRoot(3, 1)[:lenOldRootItem])
	f.Add(fakeRef(256, "name"))
	f.Add(make([]byte, 48))
	f.Add(bytes.Repeat([]byte{0xff}, 98))
	f.Add(bytes.Repeat([]byte{1, 0}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRootItem(b); err == nil && r.Extended != (len(b) >= lenRootItem && bytes.Equal(b[239:247], b[160:168])) {
			t.Errorf("extended %v", r.Extended)
		}
		if r, err := ParseRootRef(b); err == nil && len(r.Name) > len(b)-18 {
			t.Errorf("name of %d bytes in %d", len(r.Name), len(b))
		}
		if r, n, err := ParseInodeRef(b); err == nil && (n < 10 || n > len(b) || len(r.Name) != n-10) {
			t.Errorf("%d bytes, name of %d in %d", n, len(r.Name), len(b))
		}
		if d, n, err := ParseDirItem(b); err == nil && (n < 30 || n > len(b) || len(d.Name)+len(d.Data) != n-30) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
		if c, err := ParseChunk(b); err == nil && (len(c.Stripes) == 0 || lenChunkHead+len(c.Stripes)*lenStripe > len(b)) {
			t.Errorf("%d stripes in %d bytes", len(c.Stripes), len(b))
		}
		_, _ = ParseInode(b)
		_, _ = ParseDevItem(b)
		_, _ = ParseDevExtent(b)
		if g, err := ParseBlockGroup(b); err == nil {
			_ = g.Profile.String()
		}
	})
}

// FuzzRootTree builds a root tree of anything and asks for subvolumes.
func FuzzRootTree(f *testing.F) {
	f.Add(uint64(256), TypeRootItem, uint64(0), fakeRoot(1, 1), uint64(256), TypeRootBackref, uint64(256), fakeRef(256, "self"))
	f.Add(uint64(6), TypeDirItem, uint64(0), []byte("x"), uint64(300), TypeRootBackref, uint64(5), fakeRef(900, "dir"))
	f.Fuzz(func(t *testing.T, o1 uint64, t1 uint8, f1 uint64, d1 []byte, o2 uint64, t2 uint8, f2 uint64, d2 []byte) {
		if len(d1) > 1<<12 || len(d2) > 1<<12 {
			return
		}
		k := newFake()
		k.put(TreeRoot, Key{TreeTop, TypeRootItem, 0}, fakeRoot(1, 1))
		k.put(TreeRoot, Key{o1, t1, f1}, d1)
		if o1 != o2 || t1 != t2 || f1 != f2 {
			k.put(TreeRoot, Key{o2, t2, f2}, d2)
		}
		list, err := fakeFS(t, k).Subvolumes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range list.List {
			if i > 0 && v.ID < list.List[i-1].ID {
				t.Fatalf("%d after %d", v.ID, list.List[i-1].ID)
			}
		}
	})
}

func FuzzMountinfo(f *testing.F) {
	f.Add("22 27 0:21 / /proc rw,relatime - proc proc rw\n43 27 0:39 /@ /m\\040x rw shared:1 - btrfs /dev/loop0 rw,subvolid=256,subvol=/@\n")
	f.Add("1 1 0:1 / / rw - btrfs a b\n2 3 0:1 / / rw - btrfs a b\n3 2 0:1 / / rw - btrfs a b\n")
	f.Add("1 2 0:1 / /a rw - x y z\n2 1 0:1 / /a rw - x y z\n")
	f.Add("1 0 0:1 / /\\777\\1 rw - x  \n - - \n")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 1<<16 {
			return
		}
		mounts, bad, err := parseMounts(strings.NewReader(s))
		if err == nil && len(mounts)+bad > strings.Count(s, "\n")+1 {
			t.Errorf("%d mounts and %d bad lines", len(mounts), bad)
		}
		for _, m := range mounts {
			if m.HiddenBy == m.ID {
				t.Errorf("%d hides itself", m.ID)
			}
		}
		r := newReacher("0:1", mounts)
		for _, path := range []string{"/", "/@", "/@/a", ""} {
			r.fill(&Subvolume{ID: 256, Path: path})
		}
	})
}

func FuzzSysfs(f *testing.F) {
	f.Add("123\n")
	f.Add("write_errs 0\nread_errs 18446744073709551615\n")
	f.Add("99999999999999999999999")
	f.Add("invalid\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, s string) {
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		d := sysDir(dir)
		n, err := d.number("a")
		if err != nil && n != 0 {
			t.Errorf("%d with %v", n, err)
		}
		if m, err := d.pairs("a"); err == nil && len(m) > strings.Count(s, "\n")+1 {
			t.Errorf("%v", m)
		}
		if level, id, ok := parseQuotaGroup(s); ok && id >= 1<<48 {
			t.Errorf("%d/%d", level, id)
		}
	})
}

// FuzzAllocator: whatever the devices look like, no more is given than is
// there, and it ends.
func FuzzAllocator(f *testing.F) {
	f.Add(uint64(1<<30), uint64(1<<40), uint64(1<<62), uint64(RAID1), uint64(1<<30), uint32(16384))
	f.Add(^uint64(0), ^uint64(0), uint64(0), uint64(RAID6), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, a, b, c, profile, chunk uint64, node uint32) {
		al := Allocator{Rooms: []Room{{1, []uint64{a >> 2, 1}}, {2, []uint64{b >> 2}}, {3, []uint64{c >> 2}}}, ChunkSize: chunk, Writable: a>>2 + b>>2 + c>>2, NodeSize: node}
		free := a>>2 + b>>2 + c>>2 + 1
		for _, l := range append(placements, placement{profile: Profile(profile)}) {
			if got := al.Fill(Data | l.profile); got.Raw > free || got.Bytes > got.Raw || got.Raw+got.Stranded != free {
				t.Errorf("%v of %d: %+v", l.profile, free, got)
			}
		}
	})
}
