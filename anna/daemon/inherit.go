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

// The first descriptor that systemd passes, and the name that annad.socket
// gives to ours (sd_listen_fds(3)).
const (
	firstFD = 3
	fdName  = "rpc"
	maxFDs  = 16 // more than any unit of ours passes
)

// inherit takes the socket that systemd listens on; nil where it passed none.
// The variables are removed, so that no child takes them for its own.
func inherit() (*listening, error) {
	pid, err := strconv.Atoi(os.Getenv("LISTEN_PID"))
	n, err2 := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if passed := err == nil && err2 == nil && pid == os.Getpid() && n > 0; !passed {
		return nil, nil
	}
	if n > maxFDs {
		return nil, fmt.Errorf("cannot use the sockets that systemd passed: LISTEN_FDS says %d, which is no unit of ours", n)
	}
	fd := firstFD
	for i, name := range names {
		if name == fdName && i < n {
			fd = firstFD + i
		}
	}
	for other := firstFD; other < firstFD+n; other++ {
		unix.CloseOnExec(other)
		if other != fd {
			unix.Close(other)
		}
	}
	l, err := adopt(fd)
	if err != nil {
		return nil, fmt.Errorf("cannot use the socket that systemd passed: %w", err)
	}
	return l, nil
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
