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
