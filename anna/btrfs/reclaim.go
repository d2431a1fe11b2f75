package btrfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Reclaims says in words what the kernel moves together by itself, "" for
// nothing (bg_reclaim_threshold, dynamic_reclaim and periodic_reclaim in
// Documentation/ABI/testing/sysfs-fs-btrfs). Open to everybody.
func (f *FS) Reclaims() (string, error) {
	var parts []string
	for _, t := range []string{"data", "metadata"} {
		dir := f.sys + "/allocation/" + sysDir(t)
		dynamic, err := dir.flag("dynamic_reclaim") // Linux 6.11
		if err == nil && dynamic {
			parts = append(parts, t+" block groups by need")
			continue
		}
		below, err := dir.number("bg_reclaim_threshold") // Linux 5.19
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("cannot read what the kernel reclaims: %w", err)
		}
		if below > 0 {
			parts = append(parts, fmt.Sprintf("%s block groups that fall below %d %%", t, below))
		}
	}
	return strings.Join(parts, ", "), nil
}

// Exclusive reads which operation of which there can be only one runs on a file
// system, as [Operations] has it. It opens no mount, and is open to everybody.
func Exclusive(r Roots, id UUID) (string, error) {
	s, err := r.fsDir(id).text("exclusive_operation")
	if err != nil {
		return "", fmt.Errorf("cannot read what runs on %s: %w", id, err)
	}
	return s, nil
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
