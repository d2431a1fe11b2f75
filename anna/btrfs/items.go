package btrfs

import (
	"fmt"
	"time"
)

// short is the error of every item that is too small.
func short(what string, have, want int) error {
	return fmt.Errorf("cannot read %s: %d bytes, want at least %d", what, have, want)
}

// A RootItem describes a tree; for subvolumes it holds most attributes
// (struct btrfs_root_item).
type RootItem struct {
	Generation   uint64 // of the tree's root node
	Address      uint64 // logical, of that node
	Bytes        uint64 // in nodes of this tree, whoever shares them
	LastSnapshot uint64 // generation at which it was last snapshotted
	Flags        uint64
	Refs         uint32 // 0: deleted, the cleaner is at work or will be
	Level        uint8

	// Extended says that the fields below are valid: kernels before 3.6
	// neither write nor keep them.
	Extended                               bool
	UUID, ParentUUID, ReceivedUUID         UUID
	CTransid, OTransid, STransid, RTransid uint64
	CTime, OTime, STime, RTime             time.Time
}

const (
	lenOldRootItem = 239
	lenRootItem    = 439
	rootReadOnly   = 1 << 0
	rootDead       = 1 << 48 // BTRFS_ROOT_SUBVOL_DEAD
)

// ReadOnly says whether the subvolume's read-only flag is set.
func (r *RootItem) ReadOnly() bool { return r.Flags&rootReadOnly != 0 }

// ParseRootItem decodes a ROOT_ITEM.
func ParseRootItem(b []byte) (RootItem, error) {
	if len(b) < lenOldRootItem {
		return RootItem{}, short("root item", len(b), lenOldRootItem)
	}
	r := RootItem{
		Generation: le.Uint64(b[160:]), Address: le.Uint64(b[176:]), Bytes: le.Uint64(b[192:]), LastSnapshot: le.Uint64(b[200:]),
		Flags: le.Uint64(b[208:]), Refs: le.Uint32(b[216:]), Level: b[238],
	}
	// A kernel that does not know the extended fields updates generation
	// alone: then the copy differs, and they describe some older state.
	if len(b) < lenRootItem || le.Uint64(b[239:]) != r.Generation {
		return r, nil
	}
	r.Extended = true
	r.UUID, r.ParentUUID, r.ReceivedUUID = uuidAt(b[247:263]), uuidAt(b[263:279]), uuidAt(b[279:295])
	r.CTransid, r.OTransid = le.Uint64(b[295:]), le.Uint64(b[303:])
	r.STransid, r.RTransid = le.Uint64(b[311:]), le.Uint64(b[319:])
	r.CTime, r.OTime = diskTime(b[327:]), diskTime(b[339:])
	r.STime, r.RTime = diskTime(b[351:]), diskTime(b[363:])
	return r, nil
}

// diskTime decodes struct btrfs_timespec; zero stays the zero Time, which
// means unknown.
func diskTime(b []byte) time.Time {
	sec, nsec := int64(le.Uint64(b)), int64(le.Uint32(b[8:]))
	if sec == 0 && nsec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, nsec)
}

// A RootRef says where a subvolume hangs: in directory Dir of its parent, by
// Name (struct btrfs_root_ref; the key holds both subvolumes).
type RootRef struct {
	Dir, Sequence uint64
	Name          string
}

// ParseRootRef decodes a ROOT_REF or ROOT_BACKREF.
func ParseRootRef(b []byte) (RootRef, error) {
	name, err := nameAt(b, "root reference", 18, 16)
	if err != nil {
		return RootRef{}, err
	}
	return RootRef{Dir: le.Uint64(b), Sequence: le.Uint64(b[8:]), Name: string(name)}, nil
}

// nameAt finds the name behind a fixed head that holds its length at lenAt.
func nameAt(b []byte, what string, head, lenAt int) ([]byte, error) {
	if len(b) < head {
		return nil, short(what, len(b), head)
	}
	n := int(le.Uint16(b[lenAt:]))
	if len(b) < head+n {
		return nil, short(what, len(b), head+n)
	}
	return b[head : head+n], nil
}

// An InodeRef is one name of an inode in the directory that the key's offset
// names (struct btrfs_inode_ref).
type InodeRef struct {
	Index uint64
	Name  []byte // part of the item's data
}

// ParseInodeRef splits the first name off an INODE_REF; n is how many bytes it
// took. One item holds all names of the inode in one directory.
func ParseInodeRef(b []byte) (ref InodeRef, n int, err error) {
	name, err := nameAt(b, "inode reference", 10, 8)
	if err != nil {
		return InodeRef{}, 0, err
	}
	return InodeRef{Index: le.Uint64(b), Name: name}, 10 + len(name), nil
}

// An Inode is what trees, not files, know of an inode (struct
// btrfs_inode_item, the fields that serve here).
type Inode struct {
	Generation uint64 // of its birth: with the number, its identity
	Transid    uint64 // of its last change
	Size       uint64
	Bytes      uint64
	Links      uint32
	UID, GID   uint32
	Mode       uint32 // as in stat(2)
	Rdev       uint64
	Flags      uint64
	CTime      time.Time
	MTime      time.Time
	OTime      time.Time
}

// ParseInode decodes an INODE_ITEM.
func ParseInode(b []byte) (Inode, error) {
	if len(b) < 160 {
		return Inode{}, short("inode", len(b), 160)
	}
	return Inode{
		Generation: le.Uint64(b), Transid: le.Uint64(b[8:]), Size: le.Uint64(b[16:]), Bytes: le.Uint64(b[24:]),
		Links: le.Uint32(b[40:]), UID: le.Uint32(b[44:]), GID: le.Uint32(b[48:]), Mode: le.Uint32(b[52:]),
		Rdev: le.Uint64(b[56:]), Flags: le.Uint64(b[64:]),
		CTime: diskTime(b[124:]), MTime: diskTime(b[136:]), OTime: diskTime(b[148:]),
	}, nil
}

// A DirItem is one entry of a directory, or one extended attribute (struct
// btrfs_dir_item). Name and Data are part of the item's data.
type DirItem struct {
	Location Key // of what it names: an inode, or a subvolume's root
	Transid  uint64
	Kind     uint8 // BTRFS_FT_*
	Name     []byte
	Data     []byte
}

// ParseDirItem splits the first entry off a DIR_ITEM, DIR_INDEX or XATTR; n is
// how many bytes it took. Names whose hashes collide share one item.
func ParseDirItem(b []byte) (d DirItem, n int, err error) {
	if len(b) < 30 {
		return DirItem{}, 0, short("directory item", len(b), 30)
	}
	data, name := int(le.Uint16(b[25:])), int(le.Uint16(b[27:]))
	n = 30 + name + data
	if len(b) < n {
		return DirItem{}, 0, short("directory item", len(b), n)
	}
	return DirItem{
		Location: Key{le.Uint64(b), b[8], le.Uint64(b[9:])},
		Transid:  le.Uint64(b[17:]), Kind: b[29],
		Name: b[30 : 30+name], Data: b[30+name : n],
	}, n, nil
}
