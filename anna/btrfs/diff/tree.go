package diff

import (
	"context"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// which names one of the two trees.
type which int

const (
	from which = 0
	to   which = 1
)

func (w which) other() which { return 1 - w }

// top is the directory that a subvolume starts with.
const top = btrfs.FirstFree

// A tree answers point questions about one subvolume.
type tree struct {
	id      uint64
	s       *btrfs.Scanner
	paths   *cache[uint64, string]    // of directories
	dirs    *cache[uint64, *dirInode] // nil: there is none
	entries *cache[link, located]

	// Where this tree is as it was at the fork, a directory of the twin that was
	// not written since is the same here. Otherwise nil.
	twin *tree
	fork uint64
}

// A dirInode is a directory and where it hangs: it has one name.
type dirInode struct {
	btrfs.Inode
	link   link
	linked bool
}

// A located is what a name leads to, if it is there.
type located struct {
	at btrfs.Key
	ok bool
}

func newTree(s *btrfs.Scanner, id uint64) *tree {
	return &tree{
		id: id, s: s, paths: newPathCache(),
		dirs: newCache[uint64, *dirInode](1024), entries: newCache[link, located](256),
	}
}

// inode looks up an inode; nil if it is not there.
func (t *tree) inode(ctx context.Context, ino uint64) (*btrfs.Inode, error) {
	it, ok, err := t.s.Lookup(ctx, t.id, btrfs.Key{Object: ino, Type: btrfs.TypeInodeItem})
	if err != nil || !ok {
		return nil, err
	}
	i, err := btrfs.ParseInode(it.Data)
	return &i, err
}

// dir looks up a directory; nil if there is none.
func (t *tree) dir(ctx context.Context, ino uint64) (*dirInode, error) {
	if d, known := t.dirs.get(ino); known {
		return d, nil
	}
	if t.twin != nil {
		if d := t.twin.dirs.m[ino]; d != nil && d.linked && d.Transid < t.fork {
			return d, nil
		}
	}
	c := t.s.Scan(ctx, btrfs.Range{
		Tree: t.id, Limit: 2,
		Min: btrfs.Key{Object: ino, Type: btrfs.TypeInodeItem},
		Max: btrfs.Key{Object: ino, Type: btrfs.TypeInodeRef, Offset: ^uint64(0)},
	})
	var d *dirInode
	for c.Next() {
		switch it := c.Item(); it.Key.Type {
		case btrfs.TypeInodeItem:
			i, err := btrfs.ParseInode(it.Data)
			if err != nil {
				return nil, err
			}
			d = &dirInode{Inode: i}
		case btrfs.TypeInodeRef:
			r, _, err := btrfs.ParseInodeRef(it.Data)
			if err != nil {
				return nil, err
			}
			if d != nil && !d.linked {
				d.link, d.linked = link{it.Key.Offset, string(r.Name)}, true
			}
		}
	}
	if c.Err() == nil {
		t.dirs.put(ino, d)
	}
	return d, c.Err()
}

// learn remembers a directory that was met.
func (t *tree) learn(n *node) {
	t.dirs.put(n.ino, &dirInode{Inode: n.Inode, link: n.links[0], linked: true})
}

// pass remembers a directory that is passed by, by its first item and those that
// follow.
func (t *tree) pass(it *btrfs.Item, rest btrfs.Answer) {
	var ref btrfs.Item
	if !rest.Next(&ref) || ref.Key.Object != it.Key.Object || ref.Key.Type != btrfs.TypeInodeRef {
		return
	}
	i, err := btrfs.ParseInode(it.Data)
	r, _, refErr := btrfs.ParseInodeRef(ref.Data)
	if err == nil && refErr == nil {
		t.dirs.put(it.Key.Object, &dirInode{Inode: i, link: link{ref.Key.Offset, string(r.Name)}, linked: true})
	}
}

// entry looks a name up in a directory; the type of the location says whether
// it is an inode or a subvolume.
func (t *tree) entry(ctx context.Context, dir uint64, name string) (btrfs.Key, bool, error) {
	if l, known := t.entries.get(link{dir, name}); known {
		return l.at, l.ok, nil
	}
	l, err := t.find(ctx, dir, name)
	if err == nil {
		t.entries.put(link{dir, name}, l)
	}
	return l.at, l.ok, err
}

func (t *tree) find(ctx context.Context, dir uint64, name string) (located, error) {
	it, ok, err := t.s.Lookup(ctx, t.id, btrfs.Key{Object: dir, Type: btrfs.TypeDirItem, Offset: btrfs.NameHash([]byte(name))})
	if err != nil || !ok {
		return located{}, err
	}
	for b := it.Data; len(b) > 0; {
		d, n, err := btrfs.ParseDirItem(b)
		if err != nil {
			return located{}, err
		}
		if string(d.Name) == name {
			return located{d.Location, true}, nil
		}
		b = b[n:]
	}
	return located{}, nil
}

// maxDepth bounds what a damaged tree can do: directories in a circle.
const maxDepth = 1 << 16

// lost stands for the path of a directory that is no longer linked: the
// subvolume changed while it was read.
const lost = "?"

// dirPath is the path of a directory, "" for the top.
func (t *tree) dirPath(ctx context.Context, ino uint64) (string, error) {
	if ino == top {
		return "", nil
	}
	var missing []link // from the directory upwards
	var dirs []uint64
	path := ""
	for at := ino; at != top; {
		if above, known := t.paths.get(at); known {
			path = above
			break
		}
		d, err := t.dir(ctx, at)
		if err != nil {
			return "", err
		}
		if d == nil || !d.linked || len(missing) == maxDepth {
			path = lost
			break
		}
		missing, dirs = append(missing, d.link), append(dirs, at)
		at = d.link.parent
	}
	for i := len(missing) - 1; i >= 0; i-- {
		path = join(path, missing[i].name)
		t.paths.put(dirs[i], path)
	}
	return path, nil
}

func (t *tree) path(ctx context.Context, l link) (string, error) {
	if l.parent == top && l.name == ".." {
		return ".", nil
	}
	dir, err := t.dirPath(ctx, l.parent)
	return join(dir, l.name), err
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	var b strings.Builder
	b.Grow(len(dir) + 1 + len(name))
	b.WriteString(dir)
	b.WriteByte('/')
	b.WriteString(name)
	return b.String()
}
