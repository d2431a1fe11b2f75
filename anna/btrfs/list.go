package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A Mounted is a file system with all its mounts.
type Mounted struct {
	Dev string // major:minor of the file system, which tells clones apart
	// FSID is the zero UUID where no mount could be opened and sysfs did
	// not tell either. Two clones mounted at once have different ones: the
	// kernel gives the second a temporary id.
	FSID    UUID
	Label   string
	Mounts  []Mount
	Missing []Missing
}

// List finds the mounted Btrfs file systems, in the order of their first
// mount. Other file systems' mounts only count as what hides a mount.
func List(ctx context.Context, roots Roots) ([]Mounted, error) {
	mounts, bad, err := ReadMounts(roots.mountinfo())
	if err != nil && len(mounts) == 0 {
		return nil, err
	}
	var list []Mounted
	for _, m := range mounts {
		if m.Type != "btrfs" {
			continue
		}
		i := slices.IndexFunc(list, func(o Mounted) bool { return o.Dev == m.Dev })
		if i < 0 {
			i = len(list)
			list = append(list, Mounted{Dev: m.Dev})
		}
		list[i].Mounts = append(list[i].Mounts, m)
	}
	for i := range list {
		m := &list[i]
		if bad > 0 {
			m.Missing = append(m.Missing, Missing{What: "mounts", Why: fmt.Sprintf("%d lines of mountinfo could not be read", bad)})
		}
		if err != nil {
			m.Missing = append(m.Missing, missing("mounts", err))
		}
		if err := ctx.Err(); err != nil {
			return list, err
		}
		m.identify(roots)
	}
	return list, nil
}

// identify finds fsid and label: through a mount that can be opened, else by
// looking up the source device in sysfs.
func (m *Mounted) identify(roots Roots) {
	f, _, err := m.open()
	if err == nil {
		defer f.Close()
		info, infoErr := readFSInfo(file{f})
		m.FSID, err = info.FSID, infoErr
	}
	if err != nil {
		id, sysErr := sysfsID(roots, m.Mounts[0].Source)
		if sysErr != nil {
			m.Missing = append(m.Missing, missing("file system id", errors.Join(err, sysErr)))
			return
		}
		m.FSID = id
	}
	m.Label, err = roots.fsDir(m.FSID).text("label")
	if err != nil {
		m.Missing = append(m.Missing, missing("label", err))
	}
}

// Open opens the file system through one of its mounts, preferring one that
// shows its top.
func (m *Mounted) Open(roots Roots) (*FS, error) {
	f, mount, err := m.open()
	if err != nil {
		return nil, err
	}
	return newFS(f, mount.Point, roots)
}

// open tries the mounts until one opens and proves to be what it should be.
func (m *Mounted) open() (*os.File, Mount, error) {
	order := slices.Clone(m.Mounts)
	slices.SortStableFunc(order, func(a, b Mount) int { return len(a.Root) - len(b.Root) })
	var errs []error
	for _, mount := range order {
		if mount.HiddenBy != 0 {
			errs = append(errs, fmt.Errorf("cannot open %s: another mount hides it: %w", mount.Point, os.ErrNotExist))
			continue
		}
		f, err := open(mount.Point)
		if err == nil {
			if err = isMount(f, mount.ID); err == nil {
				return f, mount, nil
			}
			f.Close()
		}
		errs = append(errs, err)
		if len(errs) > 8 {
			break
		}
	}
	return nil, Mount{}, errors.Join(errs...)
}

// isMount makes sure that a path led to the mount that mountinfo spoke of,
// which may have been covered or replaced since (STATX_MNT_ID, Linux 5.8).
func isMount(f *os.File, id int) error {
	if err := checkMagic(f); err != nil {
		return err
	}
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID != 0 && st.Mnt_id != uint64(id) {
		return fmt.Errorf("cannot open %s: another mount has taken its place: %w", f.Name(), os.ErrNotExist)
	}
	return nil
}

// sysfsID finds the file system that a block device belongs to.
func sysfsID(roots Roots, source string) (UUID, error) {
	var st unix.Stat_t
	if err := unix.Stat(source, &st); err != nil {
		return UUID{}, fmt.Errorf("cannot look up %s: %w", source, err)
	}
	want := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	found, err := filepath.Glob(filepath.Join(roots.sys(), "fs/btrfs/*/devices/*/dev"))
	if err != nil {
		return UUID{}, err
	}
	for _, path := range found {
		if got, err := sysDir(path).text(""); err == nil && got == want {
			id, _, _ := strings.Cut(strings.TrimPrefix(path, filepath.Join(roots.sys(), "fs/btrfs")+"/"), "/")
			return ParseUUID(id)
		}
	}
	return UUID{}, fmt.Errorf("cannot look up %s in sysfs: %w", source, os.ErrNotExist)
}

// MountedIDs are the file systems that the kernel has mounted, anywhere. Open to
// everybody.
func MountedIDs(r Roots) ([]UUID, error) {
	names, err := sysDir(r.sys()).names("fs/btrfs")
	if err != nil {
		return nil, fmt.Errorf("cannot list file systems: %w", err)
	}
	var ids []UUID
	for _, name := range names { // beside them are features and debug
		if id, err := ParseUUID(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
