package diff

import "github.com/jjgarcianorway/anna-assistant/anna/btrfs"

// A page is a directory that is being listed: entries read but not visited,
// and where to read on.
type page struct {
	dir  uint64
	next uint64
	list []entry
	done bool
}

// pageSize is how many entries are held for each level of directories.
const pageSize = 64

// list goes through everything below a directory that only one side has.
func (e *engine) list(w which, dir uint64) error {
	stack := []page{{dir: dir}}
	for len(stack) > 0 {
		p := &stack[len(stack)-1]
		if len(p.list) == 0 {
			if p.done {
				stack = stack[:len(stack)-1]
				continue
			}
			if err := e.readPage(w, p); err != nil {
				return err
			}
			continue
		}
		x, through := p.list[0], runOf(p.list)
		p.list = p.list[1:]
		n, err := e.visit(w, p.dir, x, through)
		if err != nil {
			return err
		}
		if n != nil && n.isDir() && len(stack) < maxDepth {
			stack = append(stack, page{dir: n.ino})
		}
	}
	return nil
}

// readPage reads the next entries of a directory.
func (e *engine) readPage(w which, p *page) error {
	c := e.trees[w].s.Scan(e.ctx, btrfs.Range{
		Tree: e.trees[w].id, Limit: pageSize, Types: btrfs.Types(btrfs.TypeDirIndex),
		Min: btrfs.Key{Object: p.dir, Type: btrfs.TypeDirIndex, Offset: p.next},
		Max: btrfs.Key{Object: p.dir, Type: btrfs.TypeDirIndex, Offset: ^uint64(0)},
	})
	for c.Next() {
		x, err := parseEntry(c.Item())
		if err != nil {
			return err
		}
		p.list, p.next = append(p.list, x), x.index+1
	}
	p.done = len(p.list) < pageSize || p.next == 0
	return c.Err()
}
