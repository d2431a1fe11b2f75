package diff

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A hostile kernel answers searches from trees made of anything.
type hostile struct {
	trees map[uint64][]btrfs.Item
}

func (k *hostile) put(tree, object uint64, typ uint8, offset uint64, data []byte) {
	key := btrfs.Key{Object: object, Type: typ, Offset: offset}
	at, there := slices.BinarySearchFunc(k.trees[tree], key, func(i btrfs.Item, key btrfs.Key) int { return i.Key.Compare(key) })
	if there {
		return
	}
	k.trees[tree] = slices.Insert(k.trees[tree], at, btrfs.Item{Key: key, Transid: 20, Data: data})
}

func (k *hostile) Ioctl(request uint32, a []byte) error {
	ne := binary.NativeEndian
	switch request {
	case 0x9408: // SYNC
		return nil
	case 0x8400941f: // FS_INFO
		ne.PutUint32(a[32:], 4096)
		ne.PutUint32(a[36:], 4096)
		ne.PutUint64(a[48:], 1) // crc32c
		return nil
	case 0xc0709411: // TREE_SEARCH_V2
	default:
		return unix.ENOTTY
	}
	low := btrfs.Key{Object: ne.Uint64(a[8:]), Type: uint8(ne.Uint32(a[56:])), Offset: ne.Uint64(a[24:])}
	high := btrfs.Key{Object: ne.Uint64(a[16:]), Type: uint8(ne.Uint32(a[60:])), Offset: ne.Uint64(a[32:])}
	limit, found, out := ne.Uint32(a[64:]), uint32(0), a[112:]
	for _, it := range k.trees[ne.Uint64(a)] {
		if it.Key.Compare(low) < 0 || it.Key.Compare(high) > 0 {
			continue
		}
		if found == limit || len(out) < 32+len(it.Data) {
			break
		}
		ne.PutUint64(out[0:], it.Transid)
		ne.PutUint64(out[8:], it.Key.Object)
		ne.PutUint64(out[16:], it.Key.Offset)
		ne.PutUint32(out[24:], uint32(it.Key.Type))
		ne.PutUint32(out[28:], uint32(len(it.Data)))
		out = out[32+copy(out[32:], it.Data):]
		found++
	}
	ne.PutUint32(a[64:], found)
	return nil
}

var le = binary.LittleEndian

func inodeItem(mode uint32, gen, transid, size uint64) []byte {
	b := make([]byte, 160)
	le.PutUint64(b, gen)
	le.PutUint64(b[8:], transid)
	le.PutUint64(b[16:], size)
	le.PutUint32(b[40:], 1)
	le.PutUint32(b[52:], mode)
	return b
}

func refItem(name string) []byte {
	b := make([]byte, 10, 10+len(name))
	le.PutUint16(b[8:], uint16(len(name)))
	return append(b, name...)
}

func dirItem(object uint64, typ uint8, name string) []byte {
	b := make([]byte, 30, 30+len(name))
	le.PutUint64(b, object)
	b[8] = typ
	le.PutUint16(b[27:], uint16(len(name)))
	return append(b, name...)
}

// subvolume puts the root item and the top directory of one.
func (k *hostile) subvolume(id uint64, parent byte, otransid uint64) {
	root := make([]byte, 439)
	le.PutUint64(root[160:], 20)
	le.PutUint64(root[239:], 20)
	le.PutUint64(root[208:], 1) // read-only
	le.PutUint32(root[216:], 1)
	root[247], root[263] = byte(id)+1, parent
	le.PutUint64(root[303:], otransid)
	k.put(1, id, btrfs.TypeRootItem, 0, root)
	k.put(id, top, btrfs.TypeInodeItem, 0, inodeItem(unix.S_IFDIR|0o755, 5, 20, 0))
	k.put(id, top, btrfs.TypeInodeRef, top, refItem(".."))
}

// entry puts a name for an inode, in all three places.
func (k *hostile) entry(tree, dir, ino, index uint64, name string) {
	k.put(tree, dir, btrfs.TypeDirItem, btrfs.NameHash([]byte(name)), dirItem(ino, btrfs.TypeInodeItem, name))
	k.put(tree, dir, btrfs.TypeDirIndex, index, dirItem(ino, btrfs.TypeInodeItem, name))
	k.put(tree, ino, btrfs.TypeInodeRef, dir, refItem(name))
}

// run compares 256 with 257 by every engine that needs no real kernel.
func (k *hostile) run(t *testing.T, most int) {
	t.Helper()
	fs, err := btrfs.OpenKernel(k, "hostile", btrfs.Roots{Sys: t.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	for _, opt := range []Options{
		{Engine: Tree},
		{Engine: Tree, tune: tuning{pieces: 7, pieceWidth: 1, window: 4096, workers: 2}},
		{Engine: Paths},
		{},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		n := 0
		enough := errors.New("enough")
		_, err := Run(ctx, fs, 256, 257, opt, func(c Change) error {
			if n++; n > most {
				return enough
			}
			return nil
		})
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%+v does not end", opt)
		}
	}
}

// TestCircles: damaged trees with directories in themselves come to an end.
func TestCircles(t *testing.T) {
	for _, both := range []bool{false, true} {
		k := &hostile{trees: map[uint64][]btrfs.Item{}}
		k.subvolume(256, 0, 0)
		k.subvolume(257, 1, 10) // a snapshot of 256
		for tree := uint64(256); tree <= 257; tree++ {
			for ino := uint64(300); ino < 303; ino++ {
				if both || tree == 257 {
					k.put(tree, ino, btrfs.TypeInodeItem, 0, inodeItem(unix.S_IFDIR|0o755, 5, 20, 0))
				}
			}
			k.entry(tree, 300, 301, 2, "a")
			k.entry(tree, 301, 302, 2, "b")
			k.entry(tree, 302, 300, 2, "c")
			k.entry(tree, 302, 301, 3, "d")
			k.entry(tree, top, 300, 3, "e")
			k.entry(tree, top, 302, 4, "f")
		}
		k.run(t, 1000)
		k.trees[1] = nil
		k.subvolume(256, 0, 0)
		k.subvolume(257, 0, 10) // not related
		k.run(t, 1000)
	}
}

// TestEarlyOrphan follows a stream in which send calls a directory by the name
// of an orphan before it has made it one, as Linux 6.18 was seen to do where a
// file of the user's has such a name.
func TestEarlyOrphan(t *testing.T) {
	k := &hostile{trees: map[uint64][]btrfs.Item{}}
	k.subvolume(256, 0, 0)
	k.put(256, 300, btrfs.TypeInodeItem, 0, inodeItem(unix.S_IFDIR|0o755, 5, 20, 0))
	k.entry(256, 300, 301, 2, "n28")
	k.entry(256, top, 302, 3, "o300-5-1") // the user's own
	fs, err := btrfs.OpenKernel(k, "hostile", btrfs.Roots{Sys: t.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t.Context(), fs, btrfs.Info{SectorSize: 4096}, relation{}, [2]uint64{256, 257}, nil)
	for _, c := range []struct {
		path string
		want uint64
	}{{"o300-5-0/n28", 301}, {"o300-5-1", 302}, {"o300-6-0", 300 | made}, {"o999-7-0", 999 | made}, {"o1-7-0", 0}, {"other", 0}} {
		o := overlay{e: e, set: inodes{}, dirs: map[uint64]map[string]uint64{}}
		n, err := o.touch(c.path)
		if n != c.want || (err == nil) != (c.want != 0) || c.want != 0 && !o.set.has(c.want&^made) {
			t.Errorf("%s: inode %d, %v; want %d", c.path, n&^made, err, c.want&^made)
		}
	}
}

// FuzzTrees compares two trees of anything.
func FuzzTrees(f *testing.F) {
	item := func(tree, object, typ, offset byte, data []byte) []byte {
		return append([]byte{tree, object, typ, offset, byte(len(data))}, data...)
	}
	f.Add(bytes.Join([][]byte{
		item(0, 44, 0, 0, inodeItem(unix.S_IFREG|0o644, 5, 20, 4096)), item(0, 44, 1, 0, refItem("a")),
		item(0, 0, 4, 2, dirItem(300, 1, "a")), item(0, 44, 5, 0, make([]byte, 53)), item(1, 44, 0, 0, inodeItem(unix.S_IFREG|0o644, 5, 20, 4096)),
		item(1, 44, 1, 0, refItem("b")), item(1, 0, 4, 2, dirItem(300, 1, "b")), item(1, 44, 5, 0, append(make([]byte, 20), 1)),
	}, nil))
	f.Add(item(1, 0, 4, 2, dirItem(400, btrfs.TypeRootItem, "s")))
	f.Add(item(0, 44, 2, 2, dirItem(1, 1, "user.x")))
	types := []uint8{
		btrfs.TypeInodeItem, btrfs.TypeInodeRef, btrfs.TypeXattr, btrfs.TypeDirItem, btrfs.TypeDirIndex,
		btrfs.TypeExtentData, btrfs.TypeInodeExtref, btrfs.TypeRootItem, btrfs.TypeUUIDSubvol, btrfs.TypeExtentCsum,
	}
	trees := []uint64{256, 257, btrfs.TreeRoot, btrfs.TreeUUID, btrfs.TreeChecksum}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		k := &hostile{trees: map[uint64][]btrfs.Item{}}
		k.subvolume(256, 0, 0)
		k.subvolume(257, 1, 10)
		for len(b) >= 5 {
			n := min(int(b[4]), len(b)-5)
			object := top + uint64(b[1])
			if b[0] >= 0x80 {
				object = uint64(b[1])
			}
			k.put(trees[int(b[0]&0x7f)%len(trees)], object, types[int(b[2])%len(types)], uint64(b[3]), b[5:5+n])
			b = b[5+n:]
		}
		k.run(t, 2000)
	})
}
