package btrfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// A Need is what would make a missing figure known.
type Need string

// What may be needed.
const (
	NeedAdmin  Need = "CAP_SYS_ADMIN"            // the caller lacks the capability
	NeedRead   Need = "permission to read"       // a file or directory is closed to the caller
	NeedKernel Need = "a newer kernel"           // the running one has no such call or file
	NeedDevice Need = "a device that answers"    // an I/O error, or a device that is gone
	NeedMount  Need = "a mount that can be seen" // no mount of the file system leads there
	NeedSysfs  Need = "a view of /sys/fs/btrfs"  // a container or sandbox hides it
	NeedMore   Need = "another try"              // it changed or went away while being read
	NeedOther  Need = ""                         // see the cause
)

// Missing says what an answer lacks. Text made of it reads "What: Why (needs
// Need)".
type Missing struct {
	What string // the figure, in the plural where there are several: "device extents"
	Why  string // the cause
	Need Need   // what would make it known
	Err  error  `json:"-"` // the cause, for errors.Is
}

// String says it in one line.
func (m Missing) String() string {
	if m.Need == "" {
		return m.What + ": " + m.Why
	}
	return fmt.Sprintf("%s: %s (needs %s)", m.What, m.Why, string(m.Need))
}

// missing classifies a cause. Permission for an ioctl and for a file are
// different things to ask for: EPERM is the former, EACCES the latter.
func missing(what string, err error) Missing {
	m := Missing{What: what, Why: err.Error(), Err: err}
	switch {
	case errors.Is(err, errHidden):
		m.Need = NeedSysfs
	case errors.Is(err, unix.EPERM):
		m.Need = NeedAdmin
	case errors.Is(err, unix.EACCES), errors.Is(err, fs.ErrPermission):
		m.Need = NeedRead
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		m.Need = NeedKernel
	case errors.Is(err, unix.EIO), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EUCLEAN):
		m.Need = NeedDevice
	case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ESTALE), errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrClosed):
		m.Need = NeedMore
	}
	return m
}

// NeedOf says what would help against an error of this package.
func NeedOf(err error) Need { return missing("", err).Need }

// addMissing keeps the list short: what lacks for the same reason is said once.
func addMissing(list *[]Missing, more ...Missing) {
	for _, m := range more {
		same := func(o Missing) bool { return o.What == m.What && o.Why == m.Why }
		if !slices.ContainsFunc(*list, same) {
			*list = append(*list, m)
		}
	}
}
