package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// rareBtrfs is how often subvolumes and quota groups are counted: with
// thousands of them it is some work.
const rareBtrfs = 10 * time.Minute

// A btrfsSeen is what the module that measures Btrfs saw of one file system.
type btrfsSeen struct {
	path, id, label string
	system          bool // / is on it
	space           *btrfs.Space
	state           *btrfs.State
	devices         uint64
	operation       string
	errors          map[string]string // why a part is not there, by its name
	counted         *btrfsCounted
	closed          string // why it could not be opened; then nothing else is known
}

// A btrfsCounted is what is counted rarely.
type btrfsCounted struct {
	at time.Time

	subvolumes, snapshots, doomed int
	newest                        time.Time
	why                           string // why they were not counted

	quota    *btrfs.Quota
	quotaWhy string
}

// A btrfsLook is what the last look saw, for the facts.
type btrfsLook struct {
	at   time.Time
	list []btrfsSeen
	why  string // why nothing is known at all
}

// regard takes what rules want to know of one file system, beside its space.
func (b *btrfsModule) regard(ctx context.Context, m btrfs.Mounted, fs *btrfs.FS, space *btrfs.Space) btrfsSeen {
	seen := btrfsSeen{path: fs.Path, id: fs.FSID.String(), label: m.Label, system: holdsRoot(m), space: space, errors: map[string]string{}}
	var err error
	if seen.state, err = fs.State(ctx); err != nil {
		seen.errors["state"] = err.Error()
	}
	if info, err := fs.Info(); err != nil {
		seen.errors["devices"] = err.Error()
	} else {
		seen.devices = info.Devices
	}
	if ops, err := fs.Operations(ctx); err != nil {
		seen.errors["operation"] = err.Error()
	} else {
		seen.operation = ops.Exclusive
	}
	now := b.now()
	if b.counted == nil {
		b.counted = map[string]*btrfsCounted{}
	}
	seen.counted = b.counted[seen.id]
	if seen.counted == nil || now.Sub(seen.counted.at) >= rareBtrfs-rareBtrfs/20 {
		seen.counted = count(ctx, fs, now)
		b.counted[seen.id] = seen.counted
	}
	return seen
}

func holdsRoot(m btrfs.Mounted) bool {
	return slices.ContainsFunc(m.Mounts, func(m btrfs.Mount) bool { return m.Point == "/" })
}

// count counts subvolumes, where the right is there to see all of them: the
// walk without it shows the caller's part alone, and says nothing of the whole.
func count(ctx context.Context, fs *btrfs.FS, now time.Time) *btrfsCounted {
	s := &btrfsCounted{at: now}
	var err error
	if s.quota, err = fs.Quota(ctx); err != nil {
		s.quotaWhy = err.Error()
	}
	if _, err := fs.BalanceProgress(); errors.Is(err, unix.EPERM) {
		s.why = "without CAP_SYS_ADMIN only a part of them can be seen"
		return s
	}
	list, err := fs.Subvolumes(ctx)
	switch {
	case err != nil:
		s.why = err.Error()
		return s
	case list.Walked:
		s.why = "only a part of them can be seen"
		return s
	}
	for i := range list.List {
		v := &list.List[i]
		switch {
		case v.Deleted:
			s.doomed++
		case v.ID < btrfs.FirstFree: // the top
		default:
			s.subvolumes++
			if !v.Snapshot() {
				continue
			}
			s.snapshots++
			if v.Created.After(s.newest) {
				s.newest = v.Created
			}
		}
	}
	return s
}

// btrfsLook is what the module saw last; nil while it is switched off.
func (m *modules) btrfsLook() *btrfsLook {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.btrfs == nil {
		return nil
	}
	if f := m.btrfs.seen.Load(); f != nil {
		return f
	}
	return &btrfsLook{why: starting}
}
