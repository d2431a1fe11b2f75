package daemon

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// newMountTime is how long after a file system was mounted it is looked at: what a
// script mounts for a moment it can unmount, for a look opens the mount.
const newMountTime = 2 * time.Second

// followMounts has the watches look at file systems soon after they are mounted,
// and forget them as they are unmounted: what is said of them would come late, and
// stand, until the next look. It opens none itself.
func (b *runningBtrfs) followMounts(ctx context.Context) {
	table := b.watch.roots.Mountinfo
	if table == "" {
		table = "/proc/self/mountinfo"
	}
	known := map[string]bool{} // by device; none at first, for one may come between the first look and this
	soon := time.AfterFunc(newMountTime, b.lookNow)
	soon.Stop()
	defer soon.Stop()
	// Without notices the next look sees it.
	_ = onMounts(ctx, table, func() {
		list, bad, err := btrfs.ReadMounts(table)
		if err != nil || bad > 0 {
			return
		}
		mounted, added := map[string]bool{}, false
		for _, m := range list {
			mounted[m.Dev] = true
			added = added || m.Type == "btrfs" && !known[m.Dev]
		}
		known = mounted
		b.watch.forget(mounted)
		b.scrubs.forget(mounted)
		if added {
			soon.Reset(newMountTime)
		}
	})
}

// lookNow has all who look at file systems do it now.
func (b *runningBtrfs) lookNow() {
	for _, kick := range []chan struct{}{b.btrfsModule.kick, b.watch.kick, b.scrubs.kick} {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
}
