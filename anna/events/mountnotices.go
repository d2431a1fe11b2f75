package events

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MountNotices wait for changes of a mount table, which the kernel tells of by
// an event of poll(2) on the open file (proc_pid_mountinfo(5)). Each has a file of
// its own: whoever polls one first takes its notice away from others.
type MountNotices struct {
	table *os.File
	wake  int
}

// OpenMountNotices opens the mount table at path, such as /proc/1/mountinfo.
func OpenMountNotices(path string) (*MountNotices, error) {
	// Not os.Open, which hands the file to the runtime's own epoll.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot watch mounts: open %s: %w", path, err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot watch mounts: eventfd: %w", err)
	}
	return &MountNotices{table: os.NewFile(uintptr(fd), path), wake: wake}, nil
}

// Wait sleeps until the mounts change, or Wake is called.
func (n *MountNotices) Wait() error {
	fds := []unix.PollFd{
		{Fd: int32(n.table.Fd()), Events: unix.POLLPRI | unix.POLLERR},
		{Fd: int32(n.wake), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot watch mounts: poll %s: %w", n.table.Name(), err)
		}
		var count [8]byte
		_, _ = unix.Read(n.wake, count[:])
		return nil
	}
}

// Wake ends the Wait that goes on, or the next one. It may be called from another
// goroutine, but not after Close.
func (n *MountNotices) Wake() { _, _ = unix.Write(n.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// Close lets go of the table. Nobody may be in Wait.
func (n *MountNotices) Close() {
	n.table.Close()
	unix.Close(n.wake)
}
