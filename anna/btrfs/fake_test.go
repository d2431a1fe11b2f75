package btrfs

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeKernel answers searches as the kernel does: one compound key, whole
// items until the buffer is full, EOVERFLOW where the first does not fit.
// It serves to place faults and shapes that no disk here has.
type fakeKernel struct {
	trees    map[uint64][]Item
	compatRO uint64
	calls    int
	fail     func(call int, request uint32) error
}

func (k *fakeKernel) put(tree uint64, key Key, data []byte) {
	k.trees[tree] = append(k.trees[tree], Item{Key: key, Transid: 7, Data: data})
	slices.SortFunc(k.trees[tree], func(a, b Item) int { return a.Key.Compare(b.Key) })
}

func (k *fakeKernel) Ioctl(request uint32, a []byte) error {
	k.calls++
	if k.fail != nil {
		if err := k.fail(k.calls, request); err != nil {
			return err
		}
	}
	switch request {
	case iocFSInfo:
		ne.PutUint64(a[0:], 1)
		ne.PutUint64(a[8:], 1)
		a[16] = 0xfe
		ne.PutUint32(a[32:], 16384)
		return nil
	case iocGetFeatures:
		ne.PutUint64(a[8:], k.compatRO)
		return nil
	case iocTreeSearchV2:
		return k.search(a)
	}
	return unix.ENOTTY
}

func (k *fakeKernel) search(a []byte) error {
	from := Key{ne.Uint64(a[8:]), uint8(ne.Uint32(a[56:])), ne.Uint64(a[24:])}
	to := Key{ne.Uint64(a[16:]), uint8(ne.Uint32(a[60:])), ne.Uint64(a[32:])}
	limit := ne.Uint32(a[64:])
	out, found := a[lenSearchArgs:], uint32(0)
	for _, it := range k.trees[ne.Uint64(a[0:])] {
		if it.Key.Compare(from) < 0 || it.Key.Compare(to) > 0 || it.Transid < ne.Uint64(a[40:]) {
			continue
		}
		if lenHeader+len(it.Data) > len(out) {
			if found == 0 {
				return unix.EOVERFLOW
			}
			break
		}
		if found == limit {
			break
		}
		out = out[putItem(out, it):]
		found++
	}
	ne.PutUint32(a[64:], found)
	return nil
}

func putItem(b []byte, it Item) int {
	ne.PutUint64(b[0:], it.Transid)
	ne.PutUint64(b[8:], it.Key.Object)
	ne.PutUint64(b[16:], it.Key.Offset)
	ne.PutUint32(b[24:], uint32(it.Key.Type))
	ne.PutUint32(b[28:], uint32(len(it.Data)))
	return lenHeader + copy(b[lenHeader:], it.Data)
}

func newFake() *fakeKernel { return &fakeKernel{trees: map[uint64][]Item{}} }

func fakeRoot(gen uint64, refs uint32) []byte {
	b := make([]byte, lenRootItem)
	le.PutUint64(b[160:], gen)
	le.PutUint64(b[239:], gen)
	le.PutUint32(b[216:], refs)
	b[247] = 1
	return b
}

func fakeRef(dir uint64, name string) []byte {
	b := make([]byte, 18+len(name))
	le.PutUint64(b, dir)
	le.PutUint16(b[16:], uint16(len(name)))
	copy(b[18:], name)
	return b
}

func fakeFS(t testing.TB, k Kernel) *FS {
	t.Helper()
	fs, err := OpenKernel(k, "fake", Roots{Sys: t.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	return fs
}
