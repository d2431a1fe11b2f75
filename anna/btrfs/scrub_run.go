package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A ScrubEnd is how the scrub of one device ended.
type ScrubEnd struct {
	Progress ScrubProgress
	Err      error // nil: the kernel says that it came to the end
}

// ScrubDevices scrubs devices side by side, as btrfs-progs do, with the lowest
// I/O priority there is, and comes back when all are done. ended, where not nil,
// hears of each as it ends, one at a time. When the context ends, all are
// cancelled. Needs CAP_SYS_ADMIN.
func (fs *FS) ScrubDevices(ctx context.Context, devices []uint64, o ScrubOptions, ended func(ScrubEnd)) []ScrubEnd {
	out := make([]ScrubEnd, len(devices))
	var wait sync.WaitGroup
	var one sync.Mutex
	for i, id := range devices {
		wait.Go(func() {
			// The thread is not given back: it ends with the goroutine, and
			// its priority and signal mask with it.
			runtime.LockOSThread()
			stillThread()
			p, err := fs.Scrub(ctx, id, o)
			p.Device = id
			out[i] = ScrubEnd{Progress: p, Err: err}
			if ended != nil {
				one.Lock()
				defer one.Unlock()
				ended(out[i])
			}
		})
	}
	wait.Wait()
	return out
}

// stillThread prepares the calling thread for a scrub: idle I/O priority
// (ioprio_set(2)), and no signals, because one that is pending cuts the waits of
// a speed limit short (measured on Linux 6.18: a limited scrub goes on at full
// speed). Neither can fail in a way that should keep a scrub from running.
func stillThread() {
	const (
		whoProcess = 1 // the calling thread, with 0
		classIdle  = 3 << 13
	)
	_, _, _ = unix.RawSyscall(unix.SYS_IOPRIO_SET, whoProcess, 0, classIdle)
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil)
}

// ScrubTotals says how many bytes a scrub has to read of each device, as of the
// last commit: what the block groups on it hold. Needs CAP_SYS_ADMIN.
func (fs *FS) ScrubTotals(ctx context.Context) (map[uint64]uint64, error) {
	groups, err := fs.BlockGroups(ctx)
	if err != nil {
		return nil, err
	}
	if groups.unknown() > 0 {
		return nil, fmt.Errorf("cannot sum up what is to be scrubbed: use of block groups: %s", groups.Missing[0].Why)
	}
	totals := map[uint64]uint64{}
	for _, g := range groups.List {
		share := g.Used
		switch n := uint64(len(g.Stripes)); {
		case n == 0:
			continue
		case g.Profile&(RAID0|RAID5|RAID6) != 0:
			share /= n
		case g.Profile&RAID10 != 0:
			share = share * 2 / n
		}
		for _, s := range g.Stripes {
			totals[s.Device] += share
		}
	}
	return totals, nil
}

// ScrubLimit reads how fast a device may be scrubbed, in bytes a second; 0 for
// no limit (sysfs devinfo/ID/scrub_speed_max, Linux 5.14).
func (fs *FS) ScrubLimit(device uint64) (uint64, error) {
	n, err := fs.sys.number(scrubLimitFile(device))
	if err != nil {
		return 0, fmt.Errorf("cannot read the scrub limit of device %d: %w", device, err)
	}
	return n, nil
}

// SetScrubLimit sets it, until the file system is unmounted. Needs root.
func (fs *FS) SetScrubLimit(device, bytesPerSecond uint64) error {
	path := filepath.Join(string(fs.sys), scrubLimitFile(device))
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(strconv.FormatUint(bytesPerSecond, 10))
		err = errors.Join(err, f.Close())
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot limit the scrub of device %d: the kernel has no %s (Linux 5.14 has): %w", device, path, err)
	}
	if err != nil {
		return fmt.Errorf("cannot limit the scrub of device %d: %w", device, err)
	}
	return nil
}

func scrubLimitFile(device uint64) string { return fmt.Sprintf("devinfo/%d/scrub_speed_max", device) }

// Made is when the file system was made, as its first subvolume has it; the zero
// Time where that is not kept. Needs CAP_SYS_ADMIN.
func (fs *FS) Made(ctx context.Context) (time.Time, error) {
	it, ok, err := fs.NewScanner(PointBuffer).Lookup(ctx, TreeRoot, Key{TreeTop, TypeRootItem, 0})
	if err != nil || !ok {
		return time.Time{}, err
	}
	r, err := ParseRootItem(it.Data)
	return r.OTime, err
}

// DeviceOf finds the file system that the kernel's name of a device belongs to
// (sda2, dm-0); the zero UUID for none. Open to everybody.
func (r Roots) DeviceOf(name string) UUID {
	found, err := filepath.Glob(filepath.Join(r.sys(), "fs/btrfs/*/devices", filepath.Base(name)))
	if err != nil || len(found) == 0 {
		return UUID{}
	}
	id, err := ParseUUID(filepath.Base(filepath.Dir(filepath.Dir(found[0]))))
	if err != nil {
		return UUID{}
	}
	return id
}
