package daemon

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The first descriptor that systemd passes, and the names that annad.socket and
// annad-netlink.socket give to ours (sd_listen_fds(3)).
const (
	firstFD     = 3
	fdName      = "rpc"
	netlinkName = "netlink"
	maxFDs      = 16 // more than any unit of ours passes
)

// netlinkSockets are descriptors of sockets that were opened in the machine's
// own network namespace; 0 where none was handed over. They stay open as long
// as the process lives: a listener that is switched on again takes them again.
type netlinkSockets struct{ notices, requests, uevents int }

// inherit takes the sockets that systemd passed: the one that it listens on,
// nil where it passed none, and those of netlink(7). The variables are removed,
// so that no child takes them for its own.
func inherit() (*listening, netlinkSockets, error) {
	var sockets netlinkSockets
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	n, err2 := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if passed := err == nil && err2 == nil && pid == os.Getpid() && n > 0; !passed {
		return nil, sockets, nil
	}
	if n > maxFDs {
		return nil, sockets, fmt.Errorf("cannot use the sockets that systemd passed: LISTEN_FDS says %d, which is no unit of ours", n)
	}
	rpc := 0 // the one of our name, else the first that is none of netlink
	for i := range n {
		fd, name := firstFD+i, ""
		unix.CloseOnExec(fd)
		if i < len(names) {
			name = names[i]
		}
		switch {
		case name == netlinkName && sockets.take(fd):
		case name == netlinkName:
			unix.Close(fd)
		case rpc == 0:
			rpc = fd
		case name == fdName:
			unix.Close(rpc)
			rpc = fd
		default:
			unix.Close(fd)
		}
	}
	sockets.complete()
	if rpc == 0 {
		return nil, sockets, nil
	}
	l, err := adopt(rpc)
	if err != nil {
		return nil, sockets, fmt.Errorf("cannot use the socket that systemd passed: %w", err)
	}
	return l, sockets, nil
}

// take keeps a socket for what it is good for; false when that is nothing.
func (s *netlinkSockets) take(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	protocol, err2 := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || err2 != nil || domain != unix.AF_NETLINK {
		return false
	}
	var place *int
	switch {
	case protocol == unix.NETLINK_KOBJECT_UEVENT:
		place = &s.uevents
	case protocol == unix.NETLINK_ROUTE && s.notices == 0:
		place = &s.notices
	case protocol == unix.NETLINK_ROUTE:
		place = &s.requests
	}
	if place == nil || *place != 0 {
		return false
	}
	*place = fd
	return true
}

// complete gives up one for notices alone: what is asked beside it would be
// answered for another network.
func (s *netlinkSockets) complete() {
	if s.notices != 0 && s.requests == 0 {
		unix.Close(s.notices)
		s.notices = 0
	}
}

// adopt makes a listener of an inherited descriptor. It calls listen(2) once
// more: the peer credentials that clients see are those of who called it last,
// and until then that is systemd, pid 1.
func adopt(fd int) (*listening, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	addr, isUnix := name.(*unix.SockaddrUnix)
	if !isUnix || kind != unix.SOCK_STREAM {
		return nil, errors.New("it is no Unix stream socket")
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), addr.Name)
	defer f.Close() // FileListener works on a copy
	fl, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	l, ok := fl.(*net.UnixListener)
	if !ok {
		fl.Close()
		return nil, errors.New("it is no Unix stream socket")
	}
	l.SetUnlinkOnClose(false)
	return &listening{UnixListener: l, path: addr.Name, inherited: true}, nil
}
