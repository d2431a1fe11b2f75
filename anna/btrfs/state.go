package btrfs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// State is whether the file system is well: what is wrong, the worst first.
type State struct {
	// ReadOnly: nobody can write. Forced: the kernel made it so because of
	// an error; writing needs an unmount, and the kernel log has the cause.
	ReadOnly, Forced bool
	// Degraded: devices are missing.
	Degraded     bool
	Absent       []uint64 // ids of missing devices
	DeviceErrors uint64   // over all devices, since last reset
	Missing      []Missing
}

// Healthy says that nothing is wrong, as far as is known.
func (s *State) Healthy() bool { return !s.Forced && !s.Degraded && s.DeviceErrors == 0 }

// State sums up what is wrong. Open to everybody.
func (fs *FS) State(ctx context.Context) (*State, error) {
	s := &State{}
	mounts, dev, err := fs.mounts()
	if err != nil {
		addMissing(&s.Missing, missing("whether it is read-only", err))
	}
	for _, m := range mounts {
		if m.Dev == dev && m.Type == "btrfs" {
			s.ReadOnly = slices.Contains(m.Super, "ro")
		}
	}
	if s.ReadOnly {
		s.Forced, err = fs.aborted()
		if err != nil {
			addMissing(&s.Missing, missing("whether it was forced read-only", err))
		}
	}
	d, err := fs.Devices(ctx)
	if err != nil {
		addMissing(&s.Missing, missing("devices", err))
		return s, nil
	}
	addMissing(&s.Missing, d.Missing...)
	for _, dev := range d.List {
		if dev.Absent {
			s.Absent = append(s.Absent, dev.ID)
		}
		if dev.Errors != nil {
			s.DeviceErrors += dev.Errors.Total()
		}
	}
	s.Degraded = len(s.Absent) > 0
	return s, nil
}

// aborted tells a file system that the kernel forced read-only from one that
// was mounted so. START_SYNC starts a commit of the running transaction; on a
// read-only file system there is none, and nothing happens. After an error it
// is refused with EROFS. Never asked of a file system that can be written.
func (fs *FS) aborted() (bool, error) {
	var a [8]byte
	err := fs.kernel.Ioctl(iocStartSync, a[:])
	if errors.Is(err, unix.EROFS) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot ask for a commit: %w", err)
	}
	return false, nil
}
