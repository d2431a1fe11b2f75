package diff

import (
	"encoding/binary"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A part is the items of one inode that are at hand, in two pieces: what lies
// between them is not needed.
type part struct{ head, body btrfs.Answer }

// A group is the items of one inode in an answer.
type group struct {
	ino   uint64
	items btrfs.Answer
	dir   bool // that it starts with
	// torn says that the items are too many for one answer; they are not here.
	torn bool
}

// groups splits an answer by inodes, of which it keeps those whose first item is
// wanted; pass sees the directories among the others, each with what follows it
// in the answer. last is the inode that the answer ends with: it may go on behind
// the answer unless whole says that all of the range is there.
func groups(a btrfs.Answer, list []group, wanted func(*btrfs.Item) bool, pass func(*btrfs.Item, btrfs.Answer)) (_ []group, last uint64, whole bool, err error) {
	start, keep, dir := a, false, false
	var it btrfs.Item
	for {
		a.Skip(last)
		before := a
		ok := a.Next(&it)
		if keep {
			list = append(list, group{ino: last, items: start.Until(before), dir: dir})
		}
		if !ok {
			return list, last, a.Whole(), a.Err()
		}
		last, start, keep = it.Key.Object, before, wanted(&it)
		if dir = isDir(&it); dir && !keep {
			pass(&it, a)
		}
	}
}

// isDir says whether an item is the inode of a directory.
func isDir(it *btrfs.Item) bool {
	return it.Key.Type == btrfs.TypeInodeItem && len(it.Data) >= 56 && typeOf(binary.LittleEndian.Uint32(it.Data[52:])) == Dir
}
