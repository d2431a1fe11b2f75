package annatest

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"testing"
)

// A leaf of a Btrfs tree, taken apart: its header, and its items by key. See
// struct btrfs_header and struct btrfs_item.
type leaf struct {
	at     int64
	header []byte
	items  []leafItem
}

type leafItem struct {
	object uint64
	kind   byte
	offset uint64
	data   []byte
}

const (
	nodeSize   = 16 << 10
	leafHeader = 101
	itemHeader = 25
	superAt    = 64 << 10
	superSize  = 4096
)

// GroupTree turns a file system that MakeDisk made with "-m single" on one
// device, and that was not mounted yet, into one with a block group tree, as
// `btrfstune --convert-to-block-group-tree` does, which few builds of btrfs-progs
// can. While a file system is empty each tree is one leaf, which lies on the disk
// where its logical address says. The tree of UUIDs, which is empty and which
// the kernel makes anew, gives its leaf.
func (d *Disk) GroupTree(t testing.TB) {
	t.Helper()
	const (
		typeMetadata, typeRoot, typeGroup = 169, 132, 192
		extentTree, uuidTree, groupTree   = 2, 9, 11
	)
	f, err := os.OpenFile(d.Loops[0].Path, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	super := make([]byte, superSize)
	if _, err := f.ReadAt(super, superAt); err != nil {
		t.Fatal(err)
	}
	root := readLeaf(t, f, binary.LittleEndian.Uint64(super[80:]))
	addressOf := func(tree uint64) uint64 {
		i := slices.IndexFunc(root.items, func(it leafItem) bool { return it.object == tree && it.kind == typeRoot })
		if i < 0 {
			t.Fatalf("there is no tree %d", tree)
		}
		return binary.LittleEndian.Uint64(root.items[i].data[176:])
	}
	extents, groups := readLeaf(t, f, addressOf(extentTree)), readLeaf(t, f, addressOf(uuidTree))

	for i := range root.items {
		if it := &root.items[i]; it.object == uuidTree && it.kind == typeRoot {
			it.object = groupTree
		}
	}
	binary.LittleEndian.PutUint64(groups.header[88:], groupTree) // its owner
	extents.items = slices.DeleteFunc(extents.items, func(it leafItem) bool {
		if it.kind == typeGroup {
			groups.items = append(groups.items, it)
		}
		if it.kind == typeMetadata && it.object == uint64(groups.at) {
			binary.LittleEndian.PutUint64(it.data[25:], groupTree) // the one reference to the leaf
		}
		return it.kind == typeGroup
	})
	for _, l := range []*leaf{root, extents, groups} {
		l.write(t, f)
	}
	super[180] |= 1 << 3 // compat_ro: BLOCK_GROUP_TREE
	seal(super)
	if _, err := f.WriteAt(super, superAt); err != nil {
		t.Fatal(err)
	}
}

func readLeaf(t testing.TB, f *os.File, at uint64) *leaf {
	t.Helper()
	b := make([]byte, nodeSize)
	if _, err := f.ReadAt(b, int64(at)); err != nil {
		t.Fatal(err)
	}
	if got := binary.LittleEndian.Uint64(b[48:]); got != at || b[100] != 0 {
		t.Fatalf("at %d lies no leaf: address %d, level %d", at, got, b[100])
	}
	l := &leaf{at: int64(at), header: b[:leafHeader]}
	for i := range binary.LittleEndian.Uint32(b[96:]) {
		h := b[leafHeader+itemHeader*i:]
		from, size := leafHeader+binary.LittleEndian.Uint32(h[17:]), binary.LittleEndian.Uint32(h[21:])
		l.items = append(l.items, leafItem{
			object: binary.LittleEndian.Uint64(h), kind: h[8], offset: binary.LittleEndian.Uint64(h[9:]),
			data: b[from : from+size],
		})
	}
	return l
}

// write lays the items out anew, in the order of their keys.
func (l *leaf) write(t testing.TB, f *os.File) {
	t.Helper()
	slices.SortFunc(l.items, func(a, b leafItem) int {
		return cmp.Or(cmp.Compare(a.object, b.object), cmp.Compare(a.kind, b.kind), cmp.Compare(a.offset, b.offset))
	})
	b := make([]byte, nodeSize)
	copy(b, l.header)
	binary.LittleEndian.PutUint32(b[96:], uint32(len(l.items)))
	end := nodeSize
	for i, it := range l.items {
		end -= len(it.data)
		copy(b[end:], it.data)
		h := b[leafHeader+itemHeader*i:]
		binary.LittleEndian.PutUint64(h, it.object)
		h[8] = it.kind
		binary.LittleEndian.PutUint64(h[9:], it.offset)
		binary.LittleEndian.PutUint32(h[17:], uint32(end-leafHeader))
		binary.LittleEndian.PutUint32(h[21:], uint32(len(it.data)))
	}
	seal(b)
	if _, err := f.WriteAt(b, l.at); err != nil {
		t.Fatal(err)
	}
}

// seal writes the checksum of a block into its head.
func seal(b []byte) {
	clear(b[:32])
	binary.LittleEndian.PutUint32(b, crc32.Checksum(b[32:], crc32.MakeTable(crc32.Castagnoli)))
}
