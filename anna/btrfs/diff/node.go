package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A link is one name of an inode.
type link struct {
	parent uint64
	name   string
}

func (l link) compare(o link) int {
	return cmp.Or(cmp.Compare(l.parent, o.parent), cmp.Compare(l.name, o.name))
}

// A node is an inode with its names and extended attributes.
type node struct {
	ino uint64
	btrfs.Inode
	links  []link // sorted: the first is where its size counts
	xattrs []xattr
}

type xattr struct{ name, value string }

func (n *node) kind() Type { return typeOf(n.Mode) }

func (n *node) isDir() bool { return n.kind() == Dir }

// sized says whether the size means something to a user: that of a directory
// is the length of its names.
func (n *node) sized() bool { k := n.kind(); return k == File || k == Symlink }

func (n *node) size() uint64 {
	if !n.sized() {
		return 0
	}
	return n.Size
}

// head reads the inode where the feed stands, up to its extended attributes;
// nil if there is no such inode. The feed then stands at what it holds.
func head(ctx context.Context, f *feed, ino uint64) (*node, error) {
	if !f.at(ino, btrfs.TypeInodeItem) {
		return nil, f.err
	}
	n := &node{ino: ino}
	var err error
	if n.Inode, err = btrfs.ParseInode(f.item.Data); err != nil {
		return nil, err
	}
	for f.next(ctx); f.ok && f.item.Key.Object == ino && f.item.Key.Type <= btrfs.TypeXattr; f.next(ctx) {
		if err := n.take(f.item); err != nil {
			return nil, err
		}
	}
	if n.Links == 0 {
		n.links = nil // an orphan: deleted, but open
	}
	slices.SortFunc(n.links, link.compare)
	slices.SortFunc(n.xattrs, func(a, b xattr) int { return cmp.Compare(a.name, b.name) })
	return n, f.err
}

// take reads one item of the head.
func (n *node) take(it btrfs.Item) error {
	for b := it.Data; len(b) > 0; {
		var used int
		var err error
		switch it.Key.Type {
		case btrfs.TypeInodeRef:
			var r btrfs.InodeRef
			if r, used, err = btrfs.ParseInodeRef(b); err == nil {
				n.links = append(n.links, link{it.Key.Offset, string(r.Name)})
			}
		case btrfs.TypeInodeExtref:
			var r btrfs.InodeExtref
			if r, used, err = btrfs.ParseInodeExtref(b); err == nil {
				n.links = append(n.links, link{r.Parent, string(r.Name)})
			}
		case btrfs.TypeXattr:
			var d btrfs.DirItem
			if d, used, err = btrfs.ParseDirItem(b); err == nil {
				n.xattrs = append(n.xattrs, xattr{string(d.Name), string(d.Data)})
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
		b = b[used:]
	}
	return nil
}
