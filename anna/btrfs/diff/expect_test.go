package diff

import (
	"path"
	"slices"
	"strings"
)

// An expectation is the truth about two trees, worked out from walks that hold
// everything in memory.
type expectation struct {
	a, b    *seenTree
	parted  map[string]bool // keys of the inodes that were there when they parted
	changes []Change
	size    int64
	alloc   int64
	// unsure are paths of files that may honestly be told to be modified with
	// unknown content although they are the same.
	unsure func(a, b *seenInode) bool
	loose  map[string]bool
}

// shared is the inode on the other side; nil if it has none.
func (x *expectation) shared(i *seenInode, other *seenTree) *seenInode {
	if i.subvol == 0 && !x.parted[i.key] {
		return nil
	}
	return other.inodes[i.key]
}

func (i *seenInode) typ() Type {
	if i.subvol != 0 {
		return Subvolume
	}
	return map[uint32]Type{1: FIFO, 2: CharDev, 4: Dir, 6: BlockDev, 8: File, 10: Symlink, 12: Socket}[i.mode()>>12]
}

func (i *seenInode) bytes() (size, allocated uint64) {
	if t := i.typ(); t == File || t == Symlink {
		return i.st.Size, i.st.Blocks * 512
	}
	return 0, 0
}

func (i *seenInode) inode() uint64 {
	if i.subvol != 0 {
		return i.subvol
	}
	return i.st.Ino
}

// linkKey names a link by the identity of its directory.
func (x *expectation) linkKey(t *seenTree, p string) string {
	if p == "." {
		return "top"
	}
	return t.paths[path.Dir(p)].key + "\x00" + path.Base(p)
}

// across is the path at the same place of the other side, "" if there is none:
// directories are followed where they went, and to what replaced them.
func (x *expectation) across(t, other *seenTree, p string) string {
	if p == "." {
		return "."
	}
	dir := path.Dir(p)
	there := ""
	d := t.paths[dir]
	if s := x.shared(d, other); s != nil {
		there = s.names[0]
	} else if q := x.across(t, other, dir); q != "" {
		if o := other.paths[q]; o != nil && o.isDir() && x.shared(o, t) == nil {
			there = q
		}
	}
	if there == "" {
		return ""
	}
	return path.Join(there, path.Base(p))
}

func (x *expectation) work() {
	x.loose = map[string]bool{}
	for _, k := range keys(x.a.inodes) {
		i := x.a.inodes[k]
		if j := x.shared(i, x.b); j != nil {
			x.both(i, j)
			continue
		}
		s, al := i.bytes()
		x.size, x.alloc = x.size-int64(s), x.alloc-int64(al)
		for n, p := range x.a.sortedNames(i) {
			x.gone(i, p, n > 0)
		}
	}
	for _, k := range keys(x.b.inodes) {
		j := x.b.inodes[k]
		if x.shared(j, x.a) != nil {
			continue
		}
		s, al := j.bytes()
		x.size, x.alloc = x.size+int64(s), x.alloc+int64(al)
		for n, p := range x.b.sortedNames(j) {
			q := x.across(x.b, x.a, p)
			if i := x.a.paths[q]; q != "" && i != nil && x.shared(i, x.b) == nil {
				continue // told from the other side
			}
			c := Change{Kind: Added, Path: p, Type: j.typ(), Inode: j.inode(), LinkAfter: n > 0}
			c.SizeAfter, c.AllocatedAfter = j.bytes()
			x.changes = append(x.changes, c)
		}
	}
}

func (x *expectation) gone(i *seenInode, p string, more bool) {
	c := Change{Kind: Removed, Path: p, Type: i.typ(), Inode: i.inode(), LinkBefore: more}
	c.SizeBefore, c.AllocatedBefore = i.bytes()
	q := x.across(x.a, x.b, p)
	j := x.b.paths[q]
	if q != "" && j != nil && x.shared(j, x.a) == nil {
		c.Kind, c.Path, c.Type, c.Inode = Replaced, q, j.typ(), j.inode()
		if p != q {
			c.FromPath = p
		}
		c.SizeAfter, c.AllocatedAfter = j.bytes()
		c.LinkAfter = x.b.sortedNames(j)[0] != q
		if i.typ() != j.typ() {
			c.Kind, c.FromType = TypeChanged, i.typ()
		} else if i.subvol == 0 {
			c.Attributes = x.attributes(i, j)
			if t := i.typ(); t == File || t == Symlink {
				c.Content = ContentChanged
				if i.hash == j.hash {
					c.Content = ContentSame
				}
				x.loose[q] = x.unsure(i, j)
			}
		}
	}
	x.changes = append(x.changes, c)
}

func (x *expectation) both(i, j *seenInode) {
	var links [2]map[string]string
	for w, t := range []*seenTree{x.a, x.b} {
		links[w] = map[string]string{}
		for _, p := range []*seenInode{i, j}[w].names {
			links[w][x.linkKey(t, p)] = p
		}
	}
	var gone, made, stayed []string
	for _, p := range x.a.sortedNames(i) {
		if _, ok := links[1][x.linkKey(x.a, p)]; ok {
			stayed = append(stayed, p)
		} else {
			gone = append(gone, p)
		}
	}
	for _, p := range x.b.sortedNames(j) {
		if _, ok := links[0][x.linkKey(x.b, p)]; !ok {
			made = append(made, p)
		}
	}
	c := Change{Type: j.typ(), Inode: j.inode()}
	c.SizeBefore, c.AllocatedBefore = i.bytes()
	c.SizeAfter, c.AllocatedAfter = j.bytes()
	x.size += int64(c.SizeAfter) - int64(c.SizeBefore)
	x.alloc += int64(c.AllocatedAfter) - int64(c.AllocatedBefore)
	if i.subvol == 0 {
		c.Attributes = x.attributes(i, j)
		if i.isDir() && !x.sameEntries(i.names[0], j.names[0]) {
			c.Attributes = slices.DeleteFunc(c.Attributes, func(s string) bool { return s == "mtime" })
		}
		if t := i.typ(); t == File || t == Symlink {
			c.Content = ContentSame
			if i.hash != j.hash {
				c.Content = ContentChanged
			}
		}
		switch {
		case c.Content == ContentChanged:
			c.Kind = Modified
		case i.extent != j.extent && (len(c.Attributes) == 0 || strings.Join(c.Attributes, ",") == "mtime"):
			c.Kind = Identical
		case len(c.Attributes) > 0:
			c.Kind = Metadata
		}
	}
	put := func(c Change, p, q string) {
		c.Path = q
		if p != q {
			c.FromPath = p
		}
		c.LinkBefore, c.LinkAfter = x.a.sortedNames(i)[0] != p, x.b.sortedNames(j)[0] != q
		if x.unsure(i, j) && i.extent != j.extent {
			x.loose[q] = true
		}
		x.changes = append(x.changes, c)
	}
	said := false
	for len(gone) > 0 && len(made) > 0 {
		r := c
		r.Kind = Renamed
		if said {
			r.Attributes, r.Content = nil, ""
		}
		put(r, gone[0], made[0])
		gone, made, said = gone[1:], made[1:], true
	}
	for _, p := range gone {
		r := Change{Kind: Removed, Path: p, Type: i.typ(), Inode: i.inode(), LinkBefore: true}
		r.SizeBefore, r.AllocatedBefore = i.bytes()
		x.changes = append(x.changes, r)
	}
	for _, p := range made {
		r := Change{Kind: Added, Path: p, Type: j.typ(), Inode: j.inode(), LinkAfter: true}
		r.SizeAfter, r.AllocatedAfter = j.bytes()
		x.changes = append(x.changes, r)
	}
	if said || len(stayed) == 0 {
		return
	}
	q := links[1][x.linkKey(x.a, stayed[0])]
	if c.Kind == "" {
		if x.unsure(i, j) && i.extent != j.extent {
			x.loose[q] = true
		}
		return
	}
	put(c, stayed[0], q)
}

// sameEntries says whether two directories hold the same names for the same
// inodes.
func (x *expectation) sameEntries(p, q string) bool {
	list := func(t *seenTree, dir string) map[string]string {
		m := map[string]string{}
		for below, i := range t.paths {
			if below != "." && path.Dir(below) == dir {
				k := i.key
				if i.subvol == 0 && !x.parted[k] {
					k += " of one side"
					if t == x.b {
						k += " only"
					}
				}
				m[path.Base(below)] = k
			}
		}
		return m
	}
	a, b := list(x.a, p), list(x.b, q)
	if len(a) != len(b) {
		return false
	}
	for n, k := range a {
		if b[n] != k {
			return false
		}
	}
	return true
}

func (x *expectation) attributes(i, j *seenInode) []string {
	const visible = 0x800000 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000 // C S i a d A D
	const verity = 0x100000
	set := map[string]bool{
		"mode":   i.mode()&0o7777 != j.mode()&0o7777,
		"owner":  i.st.Uid != j.st.Uid,
		"group":  i.st.Gid != j.st.Gid,
		"mtime":  i.st.Mtime != j.st.Mtime,
		"flags":  (i.flags^j.flags)&visible != 0,
		"verity": (i.flags^j.flags)&verity != 0,
		"device": i.st.Rdev_major != j.st.Rdev_major || i.st.Rdev_minor != j.st.Rdev_minor,
	}
	for _, n := range append(keys(i.xattrs), keys(j.xattrs)...) {
		v, ok := i.xattrs[n]
		w, ok2 := j.xattrs[n]
		if ok != ok2 || v != w {
			switch {
			case strings.HasPrefix(n, "system.posix_acl"):
				set["acl"] = true
			case n == "security.capability":
				set["capability"] = true
			case n == "btrfs.compression":
				set["compression"] = true
			default:
				set["xattr"] = true
			}
		}
	}
	var list []string
	for _, k := range keys(set) {
		if set[k] {
			list = append(list, k)
		}
	}
	return list
}
