package btrfs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// ScrubProgress is how far the scrub of one device got (struct
// btrfs_scrub_progress).
type ScrubProgress struct {
	Device                          uint64
	DataExtents, TreeExtents        uint64
	DataBytes, TreeBytes            uint64
	ReadErrors, ChecksumErrors      uint64
	VerifyErrors                    uint64
	NoChecksum, ChecksumDiscards    uint64
	SuperErrors, MallocErrors       uint64
	Uncorrectable, Corrected        uint64
	LastPhysical, UnverifiedSectors uint64
}

// Errors is the sum of what was found wrong.
func (p ScrubProgress) Errors() uint64 {
	return p.ReadErrors + p.ChecksumErrors + p.VerifyErrors + p.SuperErrors
}

func parseScrub(device uint64, b []byte) ScrubProgress {
	v := func(n int) uint64 { return ne.Uint64(b[8*n:]) }
	return ScrubProgress{
		Device: device, DataExtents: v(0), TreeExtents: v(1), DataBytes: v(2), TreeBytes: v(3),
		ReadErrors: v(4), ChecksumErrors: v(5), VerifyErrors: v(6), NoChecksum: v(7), ChecksumDiscards: v(8),
		SuperErrors: v(9), MallocErrors: v(10), Uncorrectable: v(11), Corrected: v(12),
		LastPhysical: v(13), UnverifiedSectors: v(14),
	}
}

// ScrubProgress asks for the running scrub of a device; nil if none runs.
// Needs CAP_SYS_ADMIN.
func (fs *FS) ScrubProgress(device uint64) (*ScrubProgress, error) {
	var a [lenScrub]byte
	ne.PutUint64(a[0:], device)
	err := fs.kernel.Ioctl(iocScrubProgress, a[:])
	if errors.Is(err, unix.ENOTCONN) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read scrub progress of device %d: %w", device, err)
	}
	p := parseScrub(device, a[32:])
	return &p, nil
}

// ScrubOptions are how to scrub.
type ScrubOptions struct {
	ReadOnly   bool   // report errors, repair nothing
	Start, End uint64 // physical range; End 0 means to the end
}

// Scrub scrubs one device and comes back when it is done. When the context
// ends, every scrub of the file system is cancelled (the kernel knows no
// other way), and the error is the context's. The progress says how far it
// got in any case. Needs CAP_SYS_ADMIN.
func (fs *FS) Scrub(ctx context.Context, device uint64, o ScrubOptions) (ScrubProgress, error) {
	var a [lenScrub]byte
	ne.PutUint64(a[0:], device)
	ne.PutUint64(a[8:], o.Start)
	end := o.End
	if end == 0 {
		end = ^uint64(0)
	}
	ne.PutUint64(a[16:], end)
	if o.ReadOnly {
		ne.PutUint64(a[24:], 1)
	}
	err := fs.until(ctx, func() error { return fs.kernel.Ioctl(iocScrub, a[:]) }, fs.CancelScrub)
	if err != nil {
		err = fmt.Errorf("cannot scrub device %d of %s: %w", device, fs.Path, err)
	}
	return parseScrub(device, a[32:]), err
}

// CancelScrub cancels every running scrub of the file system; no error if
// none runs. Needs CAP_SYS_ADMIN.
func (fs *FS) CancelScrub() error {
	err := fs.kernel.Ioctl(iocScrubCancel, nil)
	if err != nil && !errors.Is(err, unix.ENOTCONN) {
		return fmt.Errorf("cannot cancel scrub of %s: %w", fs.Path, err)
	}
	return nil
}

// until runs a call that blocks for as long as the work takes, and cancels the
// work when the context ends.
func (fs *FS) until(ctx context.Context, run, cancel func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var wait sync.WaitGroup
	done := make(chan struct{})
	wait.Go(func() {
		select {
		case <-done:
		case <-ctx.Done():
			_ = cancel() // the call itself says how it ended
		}
	})
	err := run()
	close(done)
	wait.Wait()
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
