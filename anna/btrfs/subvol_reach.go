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

// byPath is the subvolumes that have a path, in the order of paths.
func (l *Subvolumes) byPath() []*Subvolume {
	var list []*Subvolume
	for i := range l.List {
		if v := &l.List[i]; v.Path != "" && !v.Deleted {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b *Subvolume) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// reach finds, for every subvolume, the mounts of it and the paths to it.
func (l *Subvolumes) reach(dev string, mounts []Mount) {
	tree := newMountTree(mounts)
	sorted := l.byPath()
	for _, m := range mounts {
		if m.Dev != dev || m.Type != "btrfs" {
			continue
		}
		root := strings.TrimSuffix(m.Root, "//deleted")
		first, _ := slices.BinarySearchFunc(sorted, root, func(v *Subvolume, root string) int { return strings.Compare(v.Path, root) })
		for _, v := range sorted[first:] {
			if !strings.HasPrefix(v.Path, root) {
				break
			}
			if !under(v.Path, root) {
				continue
			}
			if v.Path == root {
				v.Mounts = append(v.Mounts, m)
			}
			path := joinPath(m.Point, strings.TrimPrefix(v.Path, strings.TrimSuffix(root, "/")))
			by := m.HiddenBy
			if by == 0 {
				by = tree.cover(m.ID, path, 0)
			}
			if by == 0 {
				v.Reach = append(v.Reach, Reach{Path: path, Mount: m.ID})
			} else if over := mounts[tree.byID[by]]; over.Dev != dev || over.Root != v.Path {
				// A mount of the subvolume upon itself hides nothing.
				v.HiddenBy = append(v.HiddenBy, over)
			}
		}
	}
	for i := range l.List {
		slices.SortStableFunc(l.List[i].Reach, func(a, b Reach) int { return cmp.Compare(len(a.Path), len(b.Path)) })
	}
}

func joinPath(dir, rest string) string {
	if rest = strings.TrimPrefix(rest, "/"); rest == "" {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + rest
}
