package diff

import "github.com/jjgarcianorway/anna-assistant/anna/btrfs"

// counterpart is the directory of the other side at the same place: the same
// inode, or one that replaced it. 0 if there is none.
func (e *engine) counterpart(w which, dir uint64, depth int) (uint64, error) {
	if dir == top {
		return top, nil
	}
	if found, ok := e.match[w].get(dir); ok {
		return found, nil
	}
	found, err := e.findCounterpart(w, dir, depth)
	if err == nil {
		e.match[w].put(dir, found)
	}
	return found, err
}

func (e *engine) findCounterpart(w which, dir uint64, depth int) (uint64, error) {
	i, err := e.trees[w].dir(e.ctx, dir)
	if err != nil || i == nil || depth > maxDepth {
		return 0, err
	}
	if both, err := e.bothDirs(w, dir, i); err != nil || both {
		return dir, err
	}
	if !i.linked {
		return 0, nil
	}
	l := i.link
	above, err := e.counterpart(w, l.parent, depth+1)
	if err != nil || above == 0 {
		return 0, err
	}
	o := w.other()
	at, ok, err := e.trees[o].entry(e.ctx, above, l.name)
	if err != nil || !ok || at.Type != btrfs.TypeInodeItem {
		return 0, err
	}
	if i, err = e.trees[o].dir(e.ctx, at.Object); err != nil || i == nil || typeOf(i.Mode) != Dir {
		return 0, err
	}
	if both, err := e.bothDirs(o, at.Object, i); err != nil || both {
		return 0, err
	}
	return at.Object, nil
}
