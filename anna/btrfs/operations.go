package btrfs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Operations is what runs on a file system now.
type Operations struct {
	// Exclusive is the operation of which there can be only one: "none",
	// "balance", "balance paused", "device add", "device remove", "device
	// replace", "resize", "swap activate"; "" when unknown.
	Exclusive string
	Balance   *BalanceProgress // nil: none, or unknown
	Replace   *ReplaceProgress // nil: never one, or unknown
	Scrubs    []ScrubProgress  // one per device that is being scrubbed
	Missing   []Missing
}

// Running says whether anything runs at all, as far as is known.
func (o *Operations) Running() bool {
	return o.Exclusive != "" && o.Exclusive != "none" || len(o.Scrubs) > 0 || o.Balance != nil
}

// Operations asks for all running operations. Only Exclusive is open to
// everybody.
func (fs *FS) Operations(ctx context.Context) (*Operations, error) {
	o := &Operations{}
	var err error
	if o.Exclusive, err = fs.sys.text("exclusive_operation"); err != nil {
		addMissing(&o.Missing, missing("exclusive operation", err))
	}
	o.Balance, err = fs.BalanceProgress()
	if err != nil {
		addMissing(&o.Missing, missing("balance progress", err))
	}
	o.Replace, err = fs.ReplaceProgress()
	if err != nil {
		addMissing(&o.Missing, missing("replace progress", err))
	}
	ids, err := fs.deviceIDs()
	if err != nil {
		addMissing(&o.Missing, missing("scrub progress", err))
	}
	for _, id := range ids {
		if err = ctx.Err(); err != nil {
			addMissing(&o.Missing, missing("scrub progress", err))
			break
		}
		p, err := fs.ScrubProgress(id)
		if err != nil && !errors.Is(err, unix.ENODEV) {
			addMissing(&o.Missing, missing("scrub progress", err))
		}
		if p != nil {
			o.Scrubs = append(o.Scrubs, *p)
		}
	}
	return o, nil
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

// ReplaceProgress is DEV_REPLACE's status (struct
// btrfs_ioctl_dev_replace_status_params).
type ReplaceProgress struct {
	State             string // "never started", "started", "finished", "canceled", "suspended"
	Permille          uint64
	Started, Stopped  time.Time
	WriteErrors       uint64
	UncorrectedErrors uint64 // of reading
}

// ReplaceProgress asks for the running or the last replace since the file
// system was made; nil if there was none. Needs CAP_SYS_ADMIN.
func (fs *FS) ReplaceProgress() (*ReplaceProgress, error) {
	const status = 1
	var a [lenDevReplace]byte
	ne.PutUint64(a[0:], status)
	if err := fs.kernel.Ioctl(iocDevReplace, a[:]); err != nil {
		return nil, fmt.Errorf("cannot read replace status: %w", err)
	}
	states := []string{"never started", "started", "finished", "canceled", "suspended"}
	n := ne.Uint64(a[16:])
	if n == 0 {
		return nil, nil
	}
	p := &ReplaceProgress{
		State: fmt.Sprintf("state-%d", n), Permille: ne.Uint64(a[24:]),
		Started: unixTime(ne.Uint64(a[32:])), Stopped: unixTime(ne.Uint64(a[40:])),
		WriteErrors: ne.Uint64(a[48:]), UncorrectedErrors: ne.Uint64(a[56:]),
	}
	if n < uint64(len(states)) {
		p.State = states[n]
	}
	return p, nil
}

func unixTime(sec uint64) time.Time {
	if sec == 0 {
		return time.Time{}
	}
	return time.Unix(int64(sec), 0)
}
