package diff

// A Kind is what happened to an entry.
type Kind string

// The kinds. Under a save by renaming (write a new file, rename it over the
// old) the path is the same and the inode new: that is Replaced; Content says
// whether the bytes differ.
const (
	Added       Kind = "added"
	Removed     Kind = "removed"
	Modified    Kind = "modified"     // same inode, other content (or not shown to be the same)
	Replaced    Kind = "replaced"     // same path, another inode of the same type
	Renamed     Kind = "renamed"      // same inode, another path; a moved tree is one of these
	TypeChanged Kind = "type_changed" // same path, another inode of another type
	Metadata    Kind = "metadata"     // only attributes
	Identical   Kind = "identical"    // stored anew, the same bytes (mtime apart)
)

// Kinds are all kinds, in the order of a summary.
var Kinds = []Kind{Added, Removed, Modified, Replaced, Renamed, TypeChanged, Metadata, Identical}

// A Type is what an entry is.
type Type string

// The types. A nested subvolume is an entry of its own type: what it holds
// belongs to it and is not looked at; in a snapshot it is an empty directory.
const (
	File      Type = "file"
	Dir       Type = "directory"
	Symlink   Type = "symlink"
	FIFO      Type = "fifo"
	Socket    Type = "socket"
	CharDev   Type = "character device"
	BlockDev  Type = "block device"
	Subvolume Type = "subvolume"
	Unknown   Type = "unknown"
)

func typeOf(mode uint32) Type {
	switch mode >> 12 {
	case 1:
		return FIFO
	case 2:
		return CharDev
	case 4:
		return Dir
	case 6:
		return BlockDev
	case 8:
		return File
	case 10:
		return Symlink
	case 12:
		return Socket
	}
	return Unknown
}

// Content says how the bytes of a file or symbolic link compare.
type Content string

// The verdicts. They are reached without reading data: by size, by extents
// that are shared, and by checksums. What has none (nodatasum), or whose
// checksums are of differently compressed bytes, is ContentUnknown.
const (
	ContentNone    Content = "" // has none, or only one side has it
	ContentSame    Content = "same"
	ContentChanged Content = "changed"
	ContentUnknown Content = "unknown"
)

// A Change is one difference. Paths are inside the subvolumes, without leading
// slash, of any bytes but NUL; "." is the top directory.
type Change struct {
	Kind Kind
	Path string // on the newer side; on the older for Removed
	// FromPath is the path on the older side where it is another one:
	// because of a rename, or one of a directory above.
	FromPath string
	Type     Type
	FromType Type // of TypeChanged, before
	Inode    uint64
	// Sizes in bytes of files and symbolic links, and what they take on
	// disk as stat(2) and du count it; 0 for the side that lacks it.
	SizeBefore, SizeAfter           uint64
	AllocatedBefore, AllocatedAfter uint64
	Attributes                      []string // sorted: mode, owner, group, mtime, flags, acl, capability, compression, xattr, verity, device
	Content                         Content
	// LinkBefore and LinkAfter say that on that side it is one more name
	// of an inode whose size counts elsewhere.
	LinkBefore, LinkAfter bool
}

// Invert is the same change seen the other way round.
func (c Change) Invert() Change {
	switch c.Kind {
	case Added:
		c.Kind = Removed
	case Removed:
		c.Kind = Added
	case TypeChanged:
		c.Type, c.FromType = c.FromType, c.Type
	}
	if c.FromPath != "" {
		c.Path, c.FromPath = c.FromPath, c.Path
	}
	c.SizeBefore, c.SizeAfter = c.SizeAfter, c.SizeBefore
	c.AllocatedBefore, c.AllocatedAfter = c.AllocatedAfter, c.AllocatedBefore
	c.LinkBefore, c.LinkAfter = c.LinkAfter, c.LinkBefore
	return c
}

// A Summary counts. The deltas are exact sums over all inodes that differ, each
// counted once however many names it has.
type Summary struct {
	Counts         map[Kind]int
	SizeDelta      int64
	AllocatedDelta int64
}

// Total is the number of changes.
func (s Summary) Total() (n int) {
	for _, c := range s.Counts {
		n += c
	}
	return n
}
