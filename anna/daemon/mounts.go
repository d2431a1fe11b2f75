package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// mountsApart is how soon after each other changes of the mounts are told of: a
// machine that starts many containers mounts all the time.
const mountsApart = time.Second

// onMounts calls change at once and after changes of the mounts in a mount table
// (proc_pid_mountinfo(5)), until the context ends. It sleeps in poll(2), which the
// kernel wakes at every change.
func onMounts(ctx context.Context, table string, change func()) error {
	// Not os.Open, whose epoll would take the notice away.
	fd, err := unix.Open(table, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot watch mounts: open %s: %w", table, err)
	}
	defer unix.Close(fd)
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cannot watch mounts: eventfd: %w", err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-woken
		}
		unix.Close(wake)
	}()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI | unix.POLLERR}, {Fd: int32(wake), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		change()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(mountsApart):
		}
		if err := pollMounts(fds); err != nil {
			return fmt.Errorf("cannot watch mounts: poll %s: %w", table, err)
		}
	}
	return nil
}

// pollMounts returns after a change of the mounts or a wake-up.
func pollMounts(fds []unix.PollFd) error {
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
