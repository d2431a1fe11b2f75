package daemon

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A clock watches the time of day against the time since boot, which goes on
// while the machine is suspended (clock_gettime(2), CLOCK_BOOTTIME).
type clock struct {
	offset time.Duration // of the two, when last looked at
	begun  bool
	jumped time.Duration
	at     time.Time
}

func (c *clock) look(now time.Time) health.Clock {
	wall, boot, err := clocks()
	if err != nil {
		return health.Clock{}
	}
	return c.take(now, wall-boot)
}

func (c *clock) take(now time.Time, offset time.Duration) health.Clock {
	// A clock that is slewed drifts by less than this between two looks.
	if by := offset - c.offset; c.begun && (by >= time.Second || by <= -time.Second) {
		c.jumped, c.at = by, now
	}
	c.offset, c.begun = offset, true
	if c.jumped == 0 {
		return health.Clock{}
	}
	return health.Clock{Jumped: c.jumped, Ago: now.Sub(c.at)}
}

func clocks() (wall, boot time.Duration, err error) {
	var b unix.Timespec
	// Which never waits, and so passes the Go runtime by: see beat.
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&b)), 0); errno != 0 {
		return 0, 0, errno
	}
	return time.Duration(time.Now().UnixNano()), time.Duration(b.Nano()), nil
}
