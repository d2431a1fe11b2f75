package events

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	ueventGroup  = 1       // the kernel's own; udev speaks in another
	ueventBuffer = 1 << 20 // bytes that wait for us, if the system lets us
)

// openUevents opens a socket that receives the kernel's uevents (netlink(7),
// NETLINK_KOBJECT_UEVENT), which are no netlink messages but text, of 2 KiB at
// most (UEVENT_BUFFER_SIZE). degraded says what could not be had.
func openUevents(netns, handed, buffer int) (s *netlinkSocket, degraded string, err error) {
	s, err = openNetlink(unix.NETLINK_KOBJECT_UEVENT, netns, handed)
	if err != nil {
		return nil, "", fmt.Errorf("cannot receive uevents: %w", err)
	}
	if buffer == 0 {
		buffer = ueventBuffer
	}
	if !s.handed { // which has its buffer from who opened it
		_ = s.control(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) }) // the kernel caps it, and says so to nobody
	}
	lack, err := s.subscribe(onlyOurUevents(), ueventGroup)
	if err != nil {
		s.close()
		return nil, "", fmt.Errorf("cannot receive uevents: %w", err)
	}
	if lack != nil {
		degraded = fmt.Sprintf("every device wakes the daemon, for the kernel takes no filter: %v", lack)
	}
	return s, degraded, nil
}
