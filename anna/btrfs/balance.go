package btrfs

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// BalanceProgress is how far a balance got (struct btrfs_balance_progress).
type BalanceProgress struct {
	Running, Pausing, Cancelling bool // none of them: paused
	Expected                     uint64
	Considered                   uint64
	Completed                    uint64
}

func parseBalance(a []byte) BalanceProgress {
	state := ne.Uint64(a[8:])
	return BalanceProgress{
		Running: state&1 != 0, Pausing: state&2 != 0, Cancelling: state&4 != 0,
		Expected: ne.Uint64(a[424:]), Considered: ne.Uint64(a[432:]), Completed: ne.Uint64(a[440:]),
	}
}

// BalanceProgress asks for the running or paused balance; nil if there is
// none. Needs CAP_SYS_ADMIN.
func (fs *FS) BalanceProgress() (*BalanceProgress, error) {
	var a [lenBalance]byte
	err := fs.kernel.Ioctl(iocBalanceProgress, a[:])
	if errors.Is(err, unix.ENOTCONN) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read balance progress: %w", err)
	}
	p := parseBalance(a[:])
	return &p, nil
}

// A BalanceFilter picks the block groups of one type that a balance rewrites:
// those whose range overlaps [Start, End), at most Limit of them (0: all).
type BalanceFilter struct {
	Type       Profile // Data, Metadata or System
	Start, End uint64
	Limit      uint64
}

// Balance rewrites the block groups that the filter picks and comes back when
// it is done. When the context ends the balance is cancelled, which waits for
// the block group at hand. It reads and writes as much as the block groups
// hold. Needs CAP_SYS_ADMIN.
func (fs *FS) Balance(ctx context.Context, f BalanceFilter) (BalanceProgress, error) {
	const flagVrange, flagLimit = 1 << 4, 1 << 5
	var a [lenBalance]byte
	at := map[Profile]int{Data: 16, Metadata: 152, System: 288}[f.Type]
	if at == 0 {
		return BalanceProgress{}, fmt.Errorf("cannot balance %s: unknown type %v", fs.Path, f.Type)
	}
	ne.PutUint64(a[0:], uint64(f.Type))
	args := a[at:]
	flags := uint64(flagVrange)
	ne.PutUint64(args[40:], f.Start)
	ne.PutUint64(args[48:], f.End)
	if f.Limit > 0 {
		flags |= flagLimit
		ne.PutUint64(args[72:], f.Limit)
	}
	ne.PutUint64(args[64:], flags)
	err := fs.until(ctx, func() error { return fs.kernel.Ioctl(iocBalanceV2, a[:]) }, fs.CancelBalance)
	if err != nil {
		err = fmt.Errorf("cannot balance %s: %w", fs.Path, err)
	}
	return parseBalance(a[:]), err
}

// CancelBalance cancels the running or paused balance; no error if there is
// none. Needs CAP_SYS_ADMIN.
func (fs *FS) CancelBalance() error {
	const cancel = 2
	var a [4]byte
	ne.PutUint32(a[:], cancel)
	err := fs.kernel.Ioctl(iocBalanceCtl, a[:])
	if err != nil && !errors.Is(err, unix.ENOTCONN) {
		return fmt.Errorf("cannot cancel balance of %s: %w", fs.Path, err)
	}
	return nil
}
