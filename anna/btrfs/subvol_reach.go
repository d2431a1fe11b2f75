package btrfs

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts reads all mounts, also those of other file systems, for they hide;
// and the file system's device number as mountinfo writes it, "" when it cannot
// be told. A subvolume's own st_dev is another one: the number is found through
// the mount that the open file belongs to (STATX_MNT_ID, Linux 5.8), or else
// through the fsid of each mount.
func (fs *FS) mounts() (mounts []Mount, dev string, err error) {
	mounts, bad, err := ReadMounts(fs.roots.mountinfo())
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d lines of mountinfo could not be read", bad)
	}
	if fs.file == nil {
		return mounts, fs.recordedDev, err
	}
	var st unix.Statx_t
	known := unix.Statx(int(fs.file.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st) == nil && st.Mask&unix.STATX_MNT_ID != 0
	for _, m := range mounts {
		if m.Type != "btrfs" {
			continue
		}
		if known && uint64(m.ID) == st.Mnt_id {
			return mounts, m.Dev, err
		}
	}
	for _, m := range mounts {
		if m.Type != "btrfs" || m.HiddenBy != 0 {
			continue
		}
		if f, openErr := open(m.Point); openErr == nil {
			i, infoErr := readFSInfo(file{f})
			f.Close()
			if infoErr == nil && i.FSID == fs.FSID {
				return mounts, m.Dev, err
			}
		}
	}
	if err == nil {
		err = fmt.Errorf("no mount of the file system is in %s: %w", fs.roots.mountinfo(), os.ErrNotExist)
	}
	return mounts, "", err
}

// A reacher finds the mounts of subvolumes and the paths to them.
type reacher struct {
	dev    string
	mounts []Mount
	tree   mountTree
	byRoot map[string][]int // path inside the file system -> the mounts that show it
	deep   int              // the length of the longest of these paths
	busy   map[int]bool     // mounts with others inside
	found  []int
	ways   []Reach // room to collect them in, and to hand them out from
}

func newReacher(dev string, mounts []Mount) *reacher {
	r := &reacher{dev: dev, mounts: mounts, tree: newMountTree(mounts), byRoot: map[string][]int{}, busy: map[int]bool{}}
	for i, m := range mounts {
		if m.Parent != m.ID {
			r.busy[m.Parent] = true
		}
		if m.Dev == dev && m.Type == "btrfs" {
			root := strings.TrimSuffix(m.Root, "//deleted")
			r.byRoot[root] = append(r.byRoot[root], i)
			r.deep = max(r.deep, len(root))
		}
	}
	return r
}

// waysAtOnce is for how many paths memory is taken at once: nearly every
// subvolume has one.
const waysAtOnce = 256

// fill finds the mounts of a subvolume and the paths to it.
func (r *reacher) fill(v *Subvolume) {
	v.Reach, v.Mounts, v.HiddenBy = nil, nil, nil
	if v.Path == "" || v.Deleted {
		return
	}
	// The mounts of all directories above it, in the kernel's order.
	r.found = r.found[:0]
	for dir := v.Path; ; {
		if len(dir) <= r.deep {
			r.found = append(r.found, r.byRoot[dir]...)
		}
		if dir == "/" {
			break
		}
		dir = dir[:max(strings.LastIndexByte(dir, '/'), 0)]
		if dir == "" {
			dir = "/"
		}
	}
	slices.Sort(r.found)
	if cap(r.ways) < len(r.found) {
		r.ways = make([]Reach, 0, max(len(r.found), waysAtOnce))
	}
	for _, i := range r.found {
		m := &r.mounts[i]
		root := strings.TrimSuffix(m.Root, "//deleted")
		if v.Path == root {
			v.Mounts = append(v.Mounts, *m)
		}
		path := joinPath(m.Point, strings.TrimPrefix(v.Path, strings.TrimSuffix(root, "/")))
		by := m.HiddenBy
		if by == 0 && r.busy[m.ID] {
			by = r.tree.cover(m.ID, path, 0)
		}
		if by == 0 {
			r.ways = append(r.ways, Reach{Path: path, Mount: m.ID})
		} else if over := r.mounts[r.tree.byID[by]]; over.Dev != r.dev || over.Root != v.Path {
			// A mount of the subvolume upon itself hides nothing.
			v.HiddenBy = append(v.HiddenBy, over)
		}
	}
	if n := len(r.ways); n > 0 {
		v.Reach, r.ways = r.ways[:n:n], r.ways[n:]
	}
	if len(v.Reach) > 1 {
		slices.SortStableFunc(v.Reach, func(a, b Reach) int { return cmp.Compare(len(a.Path), len(b.Path)) })
	}
}

func joinPath(dir, rest string) string {
	if rest = strings.TrimPrefix(rest, "/"); rest == "" {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + rest
}
