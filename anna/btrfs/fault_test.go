package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestFaults makes each single call fail once, in every way that file systems
// fail, and wants an answer that says what is missing, or an error; never a
// figure that quietly lacks something.
func TestFaults(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	plain := openFS(t, d.Dir)
	for what, ask := range map[string]func(*FS) (any, []Missing, error){
		"subvolumes": func(fs *FS) (any, []Missing, error) {
			v, err := fs.Subvolumes(t.Context())
			if v == nil {
				return nil, nil, err
			}
			return v.List, v.Missing, err
		},
		"space": func(fs *FS) (any, []Missing, error) {
			v, err := fs.Space(t.Context())
			if v == nil {
				return nil, nil, err
			}
			return v.Types, v.Missing, err
		},
		"devices": func(fs *FS) (any, []Missing, error) {
			v, err := fs.Devices(t.Context())
			if v == nil {
				return nil, nil, err
			}
			return v.List, v.Missing, err
		},
		"groups": func(fs *FS) (any, []Missing, error) {
			v, err := fs.BlockGroups(t.Context())
			if v == nil {
				return nil, nil, err
			}
			return v.List, v.Missing, err
		},
		"state": func(fs *FS) (any, []Missing, error) {
			v, err := fs.State(t.Context())
			return *v, v.Missing, err
		},
		"operations": func(fs *FS) (any, []Missing, error) {
			v, err := fs.Operations(t.Context())
			return *v, v.Missing, err
		},
	} {
		whole, _, err := ask(plain)
		if err != nil {
			t.Fatal(err)
		}
		for _, errno := range []unix.Errno{unix.EIO, unix.EROFS, unix.ENODEV, unix.EPERM, unix.ENOTTY} {
			for at := 1; ; at++ {
				k := &faulty{Kernel: plain.kernel, at: at, errno: errno}
				fs := *plain
				fs.kernel = k
				got, miss, err := ask(&fs)
				if k.calls < at {
					break
				}
				// The error counts have a second source, sysfs; a
				// device that is not there is a hole.
				tolerated := k.request == iocGetDevStats || errno == unix.ENODEV && (k.request == iocScrubProgress)
				if err == nil && len(miss) == 0 && !tolerated {
					if diff := cmp.Diff(whole, got, cmp.AllowUnexported(State{})); diff != "" {
						t.Errorf("%s, call %d (%#x) fails with %v: quietly\n%s", what, at, k.request, errno, diff)
					}
				}
			}
		}
	}
}

// faulty fails the n-th call.
type faulty struct {
	Kernel
	at, calls int
	errno     unix.Errno
	request   uint32
}

func (k *faulty) Ioctl(request uint32, arg []byte) error {
	k.calls++
	if k.calls == k.at {
		k.request = request
		return k.errno
	}
	return k.Kernel.Ioctl(request, arg)
}

// TestHalfway: the list breaks off in the middle; what came is kept and the
// break is named.
func TestHalfway(t *testing.T) {
	k := manySubvolumes(3000)
	k.fail = func(call int, request uint32) error {
		if request == iocTreeSearchV2 && call > 3 {
			return unix.EIO
		}
		return nil
	}
	list, err := fakeFS(t, k).Subvolumes(t.Context())
	if err != nil || len(list.List) == 0 || len(list.List) >= 3000 {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(fmt.Sprint(list.Missing), "after the last in the list: cannot read tree 1: input/output error (needs a device that answers)") {
		t.Errorf("missing: %v", list.Missing)
	}
}

func manySubvolumes(n int) *fakeKernel {
	k := newFake()
	items := []Item{{Key: Key{TreeTop, TypeRootItem, 0}, Data: fakeRoot(9, 1)}}
	for id := uint64(FirstFree); id < FirstFree+uint64(n); id++ {
		items = append(items, Item{Key: Key{id, TypeRootItem, 0}, Data: fakeRoot(9, 1)},
			Item{Key: Key{id, TypeRootBackref, TreeTop}, Data: fakeRef(FirstFree, fmt.Sprintf("v%d", id))})
	}
	k.trees[TreeRoot] = items
	return k
}

// TestOddRoots: cycles, lost parents, old and damaged items.
func TestOddRoots(t *testing.T) {
	k := manySubvolumes(1)
	k.put(TreeRoot, Key{300, TypeRootItem, 0}, fakeRoot(9, 1))
	k.put(TreeRoot, Key{300, TypeRootBackref, 301}, fakeRef(FirstFree, "a"))
	k.put(TreeRoot, Key{301, TypeRootItem, 0}, fakeRoot(9, 1))
	k.put(TreeRoot, Key{301, TypeRootBackref, 300}, fakeRef(FirstFree, "b"))
	k.put(TreeRoot, Key{302, TypeRootItem, 0}, fakeRoot(9, 1))
	k.put(TreeRoot, Key{302, TypeRootBackref, 999}, fakeRef(FirstFree, "lost"))
	k.put(TreeRoot, Key{303, TypeRootItem, 0}, fakeRoot(9, 1)[:lenOldRootItem])
	k.put(TreeRoot, Key{303, TypeRootBackref, TreeTop}, fakeRef(FirstFree, "old"))
	k.put(TreeRoot, Key{304, TypeRootItem, 0}, []byte("short"))
	k.put(TreeRoot, Key{305, TypeRootItem, 0}, fakeRoot(9, 0))
	k.put(TreeRoot, Key{306, TypeRootItem, 0}, fakeRoot(9, 1))
	k.put(TreeRoot, Key{objectOrphan, TypeOrphan, 306}, nil)
	k.put(TreeRoot, Key{307, TypeRootItem, 0}, fakeRoot(9, 1)) // being made
	list := must(fakeFS(t, k).Subvolumes(t.Context()))(t)
	got := map[uint64]string{}
	for _, v := range list.List {
		got[v.ID] = fmt.Sprint(v.Path, " ", v.Deleted, " ", v.UUID != UUID{})
	}
	want := map[uint64]string{
		5: "/ false true", 256: "/v256 false true", 300: " false true", 301: " false true", 302: " false true",
		303: "/old false false", 305: " true true", 306: " true true", 307: " false true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(fmt.Sprint(list.Missing), "subvolume 304: cannot read root item") {
		t.Errorf("missing %v", list.Missing)
	}
}

// TestBlockGroupTree reads the use of block groups from tree 11 when the
// feature is on.
func TestBlockGroupTree(t *testing.T) {
	chunk := make([]byte, lenChunkHead+lenStripe)
	le.PutUint64(chunk, gib)
	le.PutUint64(chunk[24:], uint64(Data))
	le.PutUint16(chunk[44:], 1)
	group := make([]byte, 24)
	le.PutUint64(group, 12345)
	for _, c := range []struct {
		features uint64
		tree     uint64
	}{{1 << 3, TreeBlockGroups}, {0, TreeExtent}} {
		k := newFake()
		k.compatRO = c.features
		for _, start := range []uint64{gib, 5 * gib} {
			k.put(TreeChunk, Key{FirstFree, TypeChunk, start}, chunk)
		}
		k.put(c.tree, Key{gib, TypeBlockGroup, gib}, group)
		g := must(fakeFS(t, k).BlockGroups(t.Context()))(t)
		if len(g.List) != 2 || g.List[0].Used != 12345 || !g.List[0].Known || g.List[1].Known {
			t.Errorf("tree %d: %+v", c.tree, g.List)
		}
		if l := g.LeastUsed(Data, 5); len(l) != 1 {
			t.Errorf("least used: %+v", l)
		}
	}
}

// TestReplay records a real file system and wants the same answers again from
// the recording alone.
func TestReplay(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	fs := openFS(t, d.Dir)
	if err := fs.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Kernel: fs.Kernel()}
	look := func(k Kernel) (out []any) {
		fs, err := OpenKernel(k, "recorded", Roots{Mountinfo: os.DevNull})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, must(fs.Info())(t), must(fs.Subvolumes(t.Context()))(t), must(fs.Devices(t.Context()))(t))
		return append(out, must(fs.BlockGroups(t.Context()))(t), must(fs.Space(t.Context()))(t).Headroom.Allocatable)
	}
	want := look(r)
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	t.Logf("recording of %d bytes", b.Len())
	replay, err := ReadReplay(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, look(replay), cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); diff != "" {
		t.Errorf("(-recorded +replayed):\n%s", diff)
	}
	if err := replay.Ioctl(iocSync, nil); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("what was not recorded: %v", err)
	}
}
