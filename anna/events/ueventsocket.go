package events

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A ueventSocket receives the kernel's uevents (netlink(7),
// NETLINK_KOBJECT_UEVENT, group 1), which are no netlink messages but text.
type ueventSocket struct {
	f   *os.File
	raw syscall.RawConn
	buf []byte
}

const (
	ueventGroup  = 1       // the kernel's own; udev speaks in another
	ueventBuffer = 1 << 20 // bytes that wait for us, if the system lets us
	ueventMost   = 8 << 10 // bytes of one message: UEVENT_BUFFER_SIZE is 2 KiB
)

// openUevents opens one in the network namespace netns, 0 for this thread's.
// degraded says what could not be had.
func openUevents(netns, buffer int) (s *ueventSocket, degraded string, err error) {
	fd, err := inNetNS(netns, func() (int, error) {
		return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	})
	if err != nil {
		return nil, "", fmt.Errorf("cannot open a socket for uevents: %w", err)
	}
	if buffer == 0 {
		buffer = ueventBuffer
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer) // the kernel caps it, and says so to nobody
	filter := onlyOurUevents()
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program); err != nil {
		degraded = fmt.Sprintf("every device wakes the daemon, for the kernel takes no filter: %v", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: ueventGroup}); err != nil {
		unix.Close(fd)
		return nil, "", fmt.Errorf("cannot receive uevents: %w", err)
	}
	s = &ueventSocket{f: os.NewFile(uintptr(fd), "uevents"), buf: make([]byte, ueventMost)}
	if s.raw, err = s.f.SyscallConn(); err != nil {
		s.close()
		return nil, "", fmt.Errorf("cannot receive uevents: %w", err)
	}
	return s, degraded, nil
}

// inNetNS calls open on a thread that ends with its namespace.
func inNetNS(netns int, open func() (int, error)) (int, error) {
	if netns == 0 {
		return open()
	}
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		fd, err := -1, unix.Setns(netns, unix.CLONE_NEWNET)
		if err == nil {
			fd, err = open()
		}
		done <- result{fd, err}
	}()
	r := <-done
	return r.fd, r.err
}

func (s *ueventSocket) close() { _ = s.f.Close() }

// interrupt makes next return at once, from another goroutine.
func (s *ueventSocket) interrupt() { _ = s.f.SetReadDeadline(time.Unix(1, 0)) }

// next waits for a message. ENOBUFS says that the kernel dropped some.
func (s *ueventSocket) next() ([]byte, error) {
	for {
		var n int
		var from unix.Sockaddr
		var err error
		waited := s.raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), s.buf, unix.MSG_TRUNC)
			return !errors.Is(err, unix.EAGAIN)
		})
		switch {
		case waited != nil:
			return nil, waited
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		}
		sender, ok := from.(*unix.SockaddrNetlink)
		if !ok || sender.Pid != 0 || n > len(s.buf) {
			continue // a process plays the kernel, or no message of the kernel's
		}
		return s.buf[:n], nil
	}
}

// drain throws away what waits: all of it is older than what is read next.
func (s *ueventSocket) drain() error {
	return s.raw.Control(func(fd uintptr) {
		for range 1 << 16 {
			if _, _, err := unix.Recvfrom(int(fd), s.buf, 0); errors.Is(err, unix.EAGAIN) {
				return
			}
		}
	})
}
