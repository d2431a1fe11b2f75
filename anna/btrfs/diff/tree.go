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
	id    uint64
	s     *btrfs.Scanner
	paths *cache[string] // of directories
}

func newTree(fs *btrfs.FS, id uint64) *tree {
	return &tree{id: id, s: fs.NewScanner(btrfs.PointBuffer), paths: newCache[string](4096)}
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

// dirLink looks up where a directory hangs: it has one name.
func (t *tree) dirLink(ctx context.Context, ino uint64) (link, bool, error) {
	c := t.s.Scan(ctx, btrfs.Range{
		Tree: t.id, Limit: 1, Types: btrfs.Types(btrfs.TypeInodeRef),
		Min: btrfs.Key{Object: ino, Type: btrfs.TypeInodeRef},
		Max: btrfs.Key{Object: ino, Type: btrfs.TypeInodeRef, Offset: ^uint64(0)},
	})
	if !c.Next() {
		return link{}, false, c.Err()
	}
	r, _, err := btrfs.ParseInodeRef(c.Item().Data)
	return link{c.Item().Key.Offset, string(r.Name)}, err == nil, err
}

// entry looks a name up in a directory; the type of the location says whether
// it is an inode or a subvolume.
func (t *tree) entry(ctx context.Context, dir uint64, name string) (btrfs.Key, bool, error) {
	it, ok, err := t.s.Lookup(ctx, t.id, btrfs.Key{Object: dir, Type: btrfs.TypeDirItem, Offset: btrfs.NameHash([]byte(name))})
	if err != nil || !ok {
		return btrfs.Key{}, false, err
	}
	for b := it.Data; len(b) > 0; {
		d, n, err := btrfs.ParseDirItem(b)
		if err != nil {
			return btrfs.Key{}, false, err
		}
		if string(d.Name) == name {
			return d.Location, true, nil
		}
		b = b[n:]
	}
	return btrfs.Key{}, false, nil
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
		l, ok, err := t.dirLink(ctx, at)
		if err != nil {
			return "", err
		}
		if !ok || len(missing) == maxDepth {
			path = lost
			break
		}
		missing, dirs = append(missing, l), append(dirs, at)
		at = l.parent
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

// A cache remembers up to a number of answers, and forgets all when it is
// full: what is asked lies close together.
type cache[V any] struct {
	limit int
	m     map[uint64]V
}

func newCache[V any](limit int) *cache[V] { return &cache[V]{limit, map[uint64]V{}} }

func (c *cache[V]) get(k uint64) (V, bool) { v, ok := c.m[k]; return v, ok }

func (c *cache[V]) put(k uint64, v V) {
	if len(c.m) >= c.limit {
		clear(c.m)
	}
	c.m[k] = v
}
