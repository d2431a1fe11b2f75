package btrfs

import (
	"cmp"
	"fmt"
	"math"
)

// A Key is where an item lies in a tree. Keys are ordered by object, then
// type, then offset (struct btrfs_disk_key).
type Key struct {
	Object uint64
	Type   uint8
	Offset uint64
}

// The ends of every tree.
var (
	MinKey = Key{}
	MaxKey = Key{math.MaxUint64, math.MaxUint8, math.MaxUint64}
)

// Trees with fixed numbers (btrfs_tree.h, BTRFS_*_TREE_OBJECTID).
const (
	TreeRoot        = 1
	TreeExtent      = 2
	TreeChunk       = 3
	TreeDevice      = 4
	TreeTop         = 5 // the top-level subvolume
	TreeChecksum    = 7
	TreeQuota       = 8
	TreeUUID        = 9
	TreeBlockGroups = 11
)

// Objects with fixed numbers, and the range that subvolumes and inodes take.
const (
	ObjectDevItems        = 1   // in the chunk tree
	ObjectRootDir         = 6   // in the root tree: holds the entry "default"
	FirstFree             = 256 // first subvolume, first inode, and the chunks' object
	LastFree       uint64 = math.MaxUint64 - 255
	objectOrphan   uint64 = math.MaxUint64 - 4 // -5, in every tree
	ObjectCsum     uint64 = math.MaxUint64 - 9 // -10, in the checksum tree
)

// Types of items (btrfs_tree.h, BTRFS_*_KEY).
const (
	TypeInodeItem   uint8 = 1
	TypeInodeRef    uint8 = 12
	TypeInodeExtref uint8 = 13
	TypeXattr       uint8 = 24
	TypeVerityDesc  uint8 = 36
	TypeOrphan      uint8 = 48
	TypeDirItem     uint8 = 84
	TypeDirIndex    uint8 = 96
	TypeExtentData  uint8 = 108
	TypeExtentCsum  uint8 = 128
	TypeRootItem    uint8 = 132
	TypeRootBackref uint8 = 144
	TypeRootRef     uint8 = 156
	TypeExtent      uint8 = 168
	TypeMetadata    uint8 = 169
	TypeBlockGroup  uint8 = 192
	TypeDevExtent   uint8 = 204
	TypeDevItem     uint8 = 216
	TypeChunk       uint8 = 228
)

// String writes a key as dump-tree does, with numbers.
func (k Key) String() string { return fmt.Sprintf("(%d %d %d)", k.Object, k.Type, k.Offset) }

// Compare orders keys as trees do.
func (k Key) Compare(o Key) int {
	if k.Object != o.Object {
		return cmp.Compare(k.Object, o.Object)
	}
	return cmp.Or(cmp.Compare(k.Type, o.Type), cmp.Compare(k.Offset, o.Offset))
}

// Next is the smallest key after k; false after the last.
func (k Key) Next() (Key, bool) {
	if k.Offset++; k.Offset != 0 {
		return k, true
	}
	if k.Type++; k.Type != 0 {
		return k, true
	}
	k.Object++
	return k, k.Object != 0
}
