package scrub

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// LookAt asks the kernel and the status file in dir ("" for the usual place)
// about the scrub of a file system. While one runs it sums up what there is to
// scrub, which costs a walk through the chunks; totals are those of the look
// before, nil for none.
func LookAt(ctx context.Context, fs *btrfs.FS, dir string, totals map[uint64]uint64) Sight {
	s := Sight{Now: time.Now(), Totals: totals, Live: true}
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) == nil {
		s.Booted = s.Now.Add(-time.Duration(up.Nano()))
	}
	there := 0
	devices, err := fs.Devices(ctx)
	if err != nil {
		s.Live = false
	} else {
		for _, d := range devices.List {
			if !d.Absent {
				there++
			}
			p, err := fs.ScrubProgress(d.ID)
			if err != nil && !errors.Is(err, unix.ENODEV) {
				s.Live = false
				break
			}
			if p != nil {
				s.Progress = append(s.Progress, *p)
			}
		}
	}
	if len(s.Progress) > 0 && s.Totals == nil {
		s.Totals, _ = fs.ScrubTotals(ctx) // without it there is no time left, which says so itself
	}
	file, err := btrfs.ReadScrubStatus(dir, fs.FSID)
	s.Modified = file.Modified
	if err == nil {
		if r, ok := FromStatus(file.Devices, file.Modified); ok {
			if there > len(r.Devices) { // btrfs scrub start DEVICE
				r.Of = there
			}
			s.Status = &r
		}
	}
	return s
}
