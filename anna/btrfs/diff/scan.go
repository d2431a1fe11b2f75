package diff

import (
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A pruned scan goes through the inodes of a tree that were written since a
// generation. The kernel leaves out subtrees that are older.
type pruned struct {
	c     *btrfs.Cursor
	wants func(*btrfs.Inode) bool
	ino   uint64
	ok    bool
}

func (p *pruned) next() error {
	for {
		if p.ok = p.c.Next(); !p.ok {
			return p.c.Err()
		}
		i, err := btrfs.ParseInode(p.c.Item().Data)
		if err != nil {
			return err
		}
		if p.wants(&i) {
			p.ino = p.c.Item().Key.Object
			return nil
		}
	}
}

// since says whether an inode was written after the sides parted. In the very
// transaction of a snapshot the kernel still writes, after it has copied the
// tree, the directory that gets the snapshot's name, and nothing else. For its
// sake all nodes of that transaction are read: a diff is slower where much was
// written in the seconds before the snapshot.
func (e *engine) since(i *btrfs.Inode) bool {
	return i.Transid > e.rel.fork || i.Transid == e.rel.fork && (typeOf(i.Mode) == Dir || e.rel.fork == 0)
}

// batch is how many candidates are collected before they are classified, so
// that neighbours are read in one call.
const batch = 256

// runGap is how far apart the numbers of candidates may be to be read together.
const runGap = 4

// scan brings up every inode that either side wrote since they parted.
func (e *engine) scan(fs *btrfs.FS, progress func(ino uint64)) error {
	e.owned = func(_ which, _ uint64, i *btrfs.Inode) bool { return e.since(i) }
	// An entry is made together with the last change of what it names, or before.
	e.brought = func(x entry) bool { return x.transid > e.rel.fork }
	var p [2]pruned
	for w := range p {
		p[w].wants = e.since
		p[w].c = fs.NewScanner(btrfs.ScanBuffer).Scan(e.ctx, btrfs.Range{
			Tree: e.trees[w].id, Types: btrfs.Types(btrfs.TypeInodeItem), MinTransid: e.rel.fork,
			Min: btrfs.Key{Object: top},
			Max: btrfs.Key{Object: btrfs.LastFree, Type: 255, Offset: ^uint64(0)},
		})
		if err := p[w].next(); err != nil {
			return err
		}
	}
	inos := make([]uint64, 0, batch)
	for p[from].ok || p[to].ok {
		inos = inos[:0]
		for len(inos) < batch && (p[from].ok || p[to].ok) {
			w := from
			if !p[from].ok || p[to].ok && p[to].ino < p[from].ino {
				w = to
			}
			if n := len(inos); n == 0 || inos[n-1] != p[w].ino {
				inos = append(inos, p[w].ino)
			}
			if err := p[w].next(); err != nil {
				return err
			}
		}
		if err := e.classify(inos); err != nil {
			return err
		}
		progress(inos[len(inos)-1])
	}
	return nil
}

// classify processes candidates, in the order of their numbers.
func (e *engine) classify(inos []uint64) error {
	end := 0
	for i, ino := range inos {
		for end = max(end, i); end+1 < len(inos) && inos[end+1]-inos[end] <= runGap; {
			end++
		}
		if i > 0 && ino == inos[i-1] {
			continue
		}
		if err := e.process(ino, inos[end]); err != nil {
			return err
		}
	}
	return nil
}
