package diff

import (
	"slices"
	"sync"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// known remembers what only one side has of directories that both have. New files
// have high numbers: they come up long after their directories, and maybe to
// another worker.
type known struct {
	mu   sync.Mutex
	dirs *cache[uint64, parted]
}

// mostKnown is how many entries that only one side has of a directory are held
// until all are known, and remembered then.
const mostKnown = 256

func newKnown() *known {
	k := &known{dirs: newCache[uint64, parted](16 * mostKnown)}
	k.dirs.weigh = func(d parted) int { return 1 + d.count() }
	return k
}

// put remembers a directory. Its lists stay as they are.
func (k *known) put(d parted) {
	if d.count() > mostKnown {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dirs.put(d.dir, d)
}

func (k *known) get(dir uint64) (parted, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dirs.get(dir)
}

// namesake is what the other side has at the place of a name that this side has,
// where dir is the directory there.
func (e *engine) namesake(w which, l link, dir uint64) (at btrfs.Key, ok bool, err error) {
	o := w.other()
	if d, ok := e.known.get(dir); ok && dir == l.parent {
		if _, ours := find(d.only[w], l.name); ours {
			x, ok := find(d.only[o], l.name)
			return x.at, ok, nil
		}
	}
	return e.trees[o].entry(e.ctx, dir, l.name)
}

func find(list []entry, name string) (x entry, ok bool) {
	i := slices.IndexFunc(list, func(x entry) bool { return x.name == name })
	if i < 0 {
		return entry{}, false
	}
	return list[i], true
}
