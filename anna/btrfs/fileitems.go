package btrfs

import (
	"fmt"
	"hash/crc32"
	"sync"
)

// TypeUUIDSubvol is the type of the UUID tree's items that name the subvolume
// with a UUID (BTRFS_UUID_KEY_SUBVOL); UUIDKey makes their keys.
const TypeUUIDSubvol uint8 = 251

// UUIDKey is where the UUID tree keeps the id of the subvolume with that UUID
// (btrfs_uuid_to_key): the item holds ids, 8 bytes each, little-endian.
func UUIDKey(u UUID) Key { return Key{le.Uint64(u[:8]), TypeUUIDSubvol, le.Uint64(u[8:])} }

// ParseUUIDItem decodes the first id of an item of the UUID tree.
func ParseUUIDItem(b []byte) (uint64, error) {
	if len(b) < 8 {
		return 0, short("UUID item", len(b), 8)
	}
	return le.Uint64(b), nil
}

// NameHash is the offset of the DIR_ITEM or XATTR that holds a name
// (btrfs_name_hash: the raw CRC-32C that starts from ^1).
func NameHash(name []byte) uint64 { return uint64(^crc32.Update(1, castagnoli(), name)) }

// castagnoli is made when it is needed: most commands look for no name.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// An InodeExtref is one name of an inode that has too many names in one
// directory for an INODE_REF (struct btrfs_inode_extref). The key's offset is a
// hash, so that the item holds the directory.
type InodeExtref struct {
	Parent, Index uint64
	Name          []byte // part of the item's data
}

// ParseInodeExtref splits the first name off an INODE_EXTREF; n is how many
// bytes it took. Names whose hashes collide share one item.
func ParseInodeExtref(b []byte) (ref InodeExtref, n int, err error) {
	name, err := nameAt(b, "extended inode reference", 18, 16)
	if err != nil {
		return InodeExtref{}, 0, err
	}
	return InodeExtref{Parent: le.Uint64(b), Index: le.Uint64(b[8:]), Name: name}, 18 + len(name), nil
}

// The flags of an inode that are told apart here (btrfs_tree.h, BTRFS_INODE_*).
// Verity is a flag of the read-only compatible half, which takes the upper 32 bits.
const (
	InodeNoDataSum  = 1 << 0
	InodeNoDataCOW  = 1 << 1
	InodeReadOnly   = 1 << 2
	InodeNoCompress = 1 << 3
	InodePrealloc   = 1 << 4
	InodeSync       = 1 << 5
	InodeImmutable  = 1 << 6
	InodeAppend     = 1 << 7
	InodeNoDump     = 1 << 8
	InodeNoAtime    = 1 << 9
	InodeDirSync    = 1 << 10
	InodeCompress   = 1 << 11
	InodeVerity     = 1 << 32
)

// What a file extent can be (BTRFS_FILE_EXTENT_*).
const (
	ExtentInline   uint8 = 0 // the bytes are in the item
	ExtentRegular  uint8 = 1 // on disk, or a hole where Address is 0
	ExtentPrealloc uint8 = 2 // on disk, never written: reads as zeros
)

// A FileExtent says where a range of a file is, which the key's offset starts
// (struct btrfs_file_extent_item).
type FileExtent struct {
	Generation  uint64
	RAMBytes    uint64 // of the whole extent, decompressed
	Compression uint8  // 0 none, 1 zlib, 2 lzo, 3 zstd
	Kind        uint8
	Inline      []byte // part of the item's data; compressed if Compression says so

	Address   uint64 // logical; 0: a hole
	DiskBytes uint64 // of the whole extent, as stored
	Offset    uint64 // into the extent, decompressed
	Length    uint64 // in the file
}

// ParseFileExtent decodes an EXTENT_DATA.
func ParseFileExtent(b []byte) (FileExtent, error) {
	const head, full = 21, 53
	if len(b) < head {
		return FileExtent{}, short("file extent", len(b), head)
	}
	e := FileExtent{Generation: le.Uint64(b), RAMBytes: le.Uint64(b[8:]), Compression: b[16], Kind: b[20]}
	switch {
	case e.Kind == ExtentInline:
		e.Inline, e.Length = b[head:], e.RAMBytes
		return e, nil
	case e.Kind > ExtentPrealloc:
		return FileExtent{}, fmt.Errorf("cannot read file extent: kind %d", e.Kind)
	case len(b) < full:
		return FileExtent{}, short("file extent", len(b), full)
	}
	e.Address, e.DiskBytes = le.Uint64(b[21:]), le.Uint64(b[29:])
	e.Offset, e.Length = le.Uint64(b[37:]), le.Uint64(b[45:])
	return e, nil
}
