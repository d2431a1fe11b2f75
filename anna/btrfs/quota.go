package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Quota is the state of quotas, from sysfs (Linux 5.9), open to everybody.
type Quota struct {
	Enabled bool
	Mode    string // "qgroup", or "squota" for simple quotas; "" on old kernels
	// Inconsistent: the figures are wrong until a rescan is done.
	Inconsistent bool
	Groups       []QuotaGroup
	Missing      []Missing
}

// A QuotaGroup counts a subvolume (level 0) or a group of groups.
type QuotaGroup struct {
	Level                       uint16
	ID                          uint64 // of the subvolume, at level 0
	Referenced, Exclusive       uint64
	MaxReferenced, MaxExclusive uint64 // 0: no limit
}

// maxQuotaGroups bounds what is read: six files each.
const maxQuotaGroups = 1 << 16

// Quota reads the state and all groups.
func (fs *FS) Quota(ctx context.Context) (*Quota, error) {
	q := &Quota{}
	dir := fs.sys + "/qgroups"
	enabled, err := dir.flag("enabled")
	if errors.Is(err, os.ErrNotExist) {
		// The directory comes with quotas; without the file system's own
		// nothing is known.
		if _, fsErr := fs.sys.names(""); fsErr != nil {
			return nil, fmt.Errorf("cannot read quotas of %s: %w", fs.Path, fsErr)
		}
		return q, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read quotas of %s: %w", fs.Path, err)
	}
	q.Enabled = enabled
	q.Mode, _ = dir.text("mode") // Linux 6.7
	if q.Inconsistent, err = dir.flag("inconsistent"); err != nil {
		addMissing(&q.Missing, missing("state of quotas", err))
	}
	names, err := dir.names("")
	if err != nil {
		addMissing(&q.Missing, missing("quota groups", err))
	}
	for _, name := range names {
		level, id, ok := parseQuotaGroup(name)
		if !ok {
			continue
		}
		if err := ctx.Err(); err != nil || len(q.Groups) == maxQuotaGroups {
			addMissing(&q.Missing, missing("quota groups after the last in the list", cmpErr(err, errors.New("too many"))))
			break
		}
		g := QuotaGroup{Level: level, ID: id}
		if err := g.read(dir + "/" + sysDir(name)); err != nil {
			addMissing(&q.Missing, missing("quota group "+strings.Replace(name, "_", "/", 1), err))
			continue
		}
		q.Groups = append(q.Groups, g)
	}
	slices.SortFunc(q.Groups, func(a, b QuotaGroup) int {
		if a.Level != b.Level {
			return int(a.Level) - int(b.Level)
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return q, nil
}

// parseQuotaGroup reads a directory name such as 0_256.
func parseQuotaGroup(name string) (level uint16, id uint64, ok bool) {
	l, i, ok := strings.Cut(name, "_")
	if !ok {
		return 0, 0, false
	}
	n, err1 := strconv.ParseUint(l, 10, 16)
	id, err2 := strconv.ParseUint(i, 10, 48)
	return uint16(n), id, err1 == nil && err2 == nil
}

// read takes the figures; a limit counts only when its flag is set
// (BTRFS_QGROUP_LIMIT_MAX_RFER, _EXCL).
func (g *QuotaGroup) read(dir sysDir) error {
	var flags uint64
	for name, to := range map[string]*uint64{
		"referenced": &g.Referenced, "exclusive": &g.Exclusive, "limit_flags": &flags,
		"max_referenced": &g.MaxReferenced, "max_exclusive": &g.MaxExclusive,
	} {
		n, err := dir.number(name)
		if err != nil {
			return err
		}
		*to = n
	}
	if flags&1 == 0 {
		g.MaxReferenced = 0
	}
	if flags&2 == 0 {
		g.MaxExclusive = 0
	}
	return nil
}
