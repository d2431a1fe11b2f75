package diff

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// sendStep writes one of a send stream, whose attributes are given as numbers and
// values in turn: 3 an inode, 15 a path, 16 where to, 17 what is linked.
func sendStep(kind uint16, attributes ...any) []byte {
	var body []byte
	for i := 0; i < len(attributes); i += 2 {
		value, ok := attributes[i+1].(string)
		if !ok {
			value = string(le.AppendUint64(nil, uint64(attributes[i+1].(int))))
		}
		body = le.AppendUint16(body, uint16(attributes[i].(int)))
		body = le.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
	}
	b := le.AppendUint32(nil, uint32(len(body)))
	b = le.AppendUint16(b, kind)
	return append(append(b, 0, 0, 0, 0), body...)
}

// FuzzFollow follows anything as a send stream, over trees in which directories
// lie in themselves, and classifies what it names.
func FuzzFollow(f *testing.F) {
	f.Add(bytes.Join([][]byte{
		sendStep(btrfs.SendMkdir, 15, "o301-5-0", 3, 301), sendStep(btrfs.SendRename, 15, "o301-5-0", 16, "a/new"),
		sendStep(btrfs.SendLink, 15, "a/b", 17, "a/new"), sendStep(btrfs.SendUnlink, 15, "a/f"), sendStep(btrfs.SendUtimes, 15, ""), sendStep(btrfs.SendEnd),
	}, nil))
	f.Add(bytes.Join([][]byte{sendStep(btrfs.SendRename, 15, "a", 16, "a/a"), sendStep(btrfs.SendRmdir, 15, "a/a/a"), sendStep(btrfs.SendChmod, 15, "o300-5-0/f")}, nil))
	f.Add(sendStep(btrfs.SendMkfile, 15, "///", 3, -1))
	k := &hostile{trees: map[uint64][]btrfs.Item{}}
	k.subvolume(256, 0, 0)
	k.subvolume(257, 1, 10)
	for tree := uint64(256); tree <= 257; tree++ {
		k.put(tree, 300, btrfs.TypeInodeItem, 0, inodeItem(unix.S_IFDIR|0o755, 5, 20, 0))
		k.put(tree, 302, btrfs.TypeInodeItem, 0, inodeItem(unix.S_IFREG|0o644, 5, 20, tree))
		k.entry(tree, top, 300, 2, "a")
		k.entry(tree, 300, 300, 2, "self")
		k.entry(tree, 300, 302, 3, "f")
	}
	fs, err := btrfs.OpenKernel(k, "hostile", btrfs.Roots{Sys: f.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		n := 0
		e := newEngine(t.Context(), fs, btrfs.Info{SectorSize: 4096}, relation{related: true, fork: 10}, [2]uint64{256, 257}, func(Change) error { n++; return nil })
		o := overlay{e: e, set: inodes{}, dirs: map[uint64]map[string]uint64{}}
		_ = o.follow(btrfs.NewSendReader(bytes.NewReader(append([]byte("btrfs-stream\x00\x01\x00\x00\x00"), b...))))
		if len(o.set) > len(b) || len(o.dirs) > len(b) {
			t.Fatalf("%d words and %d directories of %d bytes", len(o.set), len(o.dirs), len(b))
		}
		_ = e.sent(o.set, func(uint64) {})
		if n > 100 {
			t.Fatalf("%d changes of trees with three inodes", n)
		}
	})
}
