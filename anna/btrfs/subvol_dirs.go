package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// dirPaths finds where in the file system the subvolumes hang.
type dirPaths struct {
	fs   *FS
	s    *Scanner
	list *SubvolumeScan
}

// A wantedDir is a directory of a subvolume that holds others, and its path
// inside it, with trailing slash.
type wantedDir struct {
	tree, dir uint64
	path      string
	known     bool
}

func (w wantedDir) compare(o wantedDir) int {
	return cmp.Or(cmp.Compare(w.tree, o.tree), cmp.Compare(w.dir, o.dir))
}

// findDir looks a directory up in a sorted list, from a guess on: those who ask
// mostly do so in the list's own order.
func findDir(list []wantedDir, tree, dir uint64, guess int) (int, bool) {
	for i := guess; i < min(guess+2, len(list)); i++ {
		if list[i].dir == dir && list[i].tree == tree {
			return i, true
		}
	}
	return slices.BinarySearchFunc(list, wantedDir{tree: tree, dir: dir}, wantedDir.compare)
}

// wanted looks a directory up, nil if nobody wants it.
func (l *SubvolumeScan) wanted(tree, dir uint64) *wantedDir {
	i, ok := findDir(l.dirs, tree, dir, l.lastDir)
	if !ok {
		return nil
	}
	l.lastDir = i
	return &l.dirs[i]
}

// fewDirs is up to how many directories are looked up one by one.
const fewDirs = 16

func (d *dirPaths) resolve(ctx context.Context) {
	l := d.list
	dirs := make([]wantedDir, 0, l.count)
	for i := range l.count {
		if r := l.at(i); r.parent != 0 && r.dir != FirstFree {
			dirs = append(dirs, wantedDir{tree: r.parent, dir: r.dir})
		}
	}
	slices.SortFunc(dirs, wantedDir.compare)
	l.dirs = slices.CompactFunc(dirs, func(a, b wantedDir) bool { return a.compare(b) == 0 })
	for from := 0; from < len(l.dirs); {
		to := from
		for to < len(l.dirs) && l.dirs[to].tree == l.dirs[from].tree {
			to++
		}
		d.resolveTree(ctx, l.dirs[from:to])
		from = to
	}
}

// resolveTree finds the paths of some directories of a tree. Where there are
// many they tend to lie side by side (.snapshots/1, .snapshots/2 ...): reading
// the directory above costs a few calls instead of one for each. What such
// readings may cost in entries is bounded, for the directory above may as well
// hold a million files.
func (d *dirPaths) resolveTree(ctx context.Context, want []wantedDir) {
	budget := 64 * len(want)
	read := map[uint64]bool{}
	for i := range want {
		w := &want[i]
		if w.known {
			continue
		}
		if ctx.Err() != nil {
			addMissing(&d.list.Missing, missing("some paths", ctx.Err()))
			return
		}
		if len(want)-i > fewDirs && budget > 0 {
			if above := d.above(ctx, w.tree, w.dir); above != 0 && !read[above] {
				read[above] = true
				budget -= d.readDir(ctx, above, want, budget)
			}
			if w.known {
				continue
			}
		}
		_, path, err := inoLookup(d.fs.kernel, w.tree, w.dir)
		if err != nil {
			addMissing(&d.list.Missing, missing(fmt.Sprintf("directories of subvolume %d", w.tree), errors.Unwrap(err)))
			continue
		}
		w.path, w.known = path, true
	}
}

// above is the directory that holds another one; 0 when unknown.
func (d *dirPaths) above(ctx context.Context, tree, dir uint64) uint64 {
	c := d.s.Scan(ctx, Range{Tree: tree, Min: Key{dir, TypeInodeRef, 0}, Max: Key{dir, TypeInodeRef, ^uint64(0)}, Limit: 1})
	if !c.Next() {
		return 0
	}
	return c.Item().Key.Offset
}

// readDir reads up to limit entries of a directory, keeps the wanted ones and
// says how many it read.
func (d *dirPaths) readDir(ctx context.Context, dir uint64, want []wantedDir, limit int) (n int) {
	tree, prefix := want[0].tree, ""
	if dir != FirstFree {
		var err error
		if _, prefix, err = inoLookup(d.fs.kernel, tree, dir); err != nil {
			return 1 // looking up what lies below will say why
		}
	}
	c := d.s.Scan(ctx, Range{
		Tree: tree, Types: Types(TypeDirIndex), Limit: uint32(min(limit, 1<<30)),
		Min: Key{dir, TypeDirIndex, 0}, Max: Key{dir, TypeDirIndex, ^uint64(0)},
	})
	guess := 0
	for c.Next() {
		n++
		e, _, err := ParseDirItem(c.Item().Data)
		if err != nil || e.Location.Type != TypeInodeItem {
			continue
		}
		if i, ok := findDir(want, tree, e.Location.Object, guess); ok {
			guess = i
			want[i].path, want[i].known = prefix+string(e.Name)+"/", true
		}
	}
	return n + 1
}
