package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// maxSocketPath is what fits struct sockaddr_un with its closing NUL (unix(7)).
const maxSocketPath = 107

// classifyDial says what a failed connect(2) means. The error number alone is
// not enough: a regular file in the socket's place also refuses connections.
func classifyDial(ctx context.Context, socket string, err error) error {
	const what = "cannot connect to annad at %s: %w"
	is := func(errno syscall.Errno) bool { return errors.Is(err, errno) }
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case len(socket) > maxSocketPath:
		return Errorf(SocketNotFound, what, socket, fmt.Errorf("a socket's path has at most %d bytes, this one has %d", maxSocketPath, len(socket))).
			WithHint("Name a shorter path with --socket or in [daemon] socket")
	case is(syscall.EACCES), is(syscall.EPERM):
		return permissionError(socket)
	case is(syscall.ENOENT), is(syscall.ENOTDIR), is(syscall.ELOOP):
		if target, err := os.Readlink(socket); err == nil {
			return Errorf(SocketNotFound, what, socket, fmt.Errorf("it is a link to %s, and nothing is there", target))
		}
		return Errorf(SocketNotFound, what, socket, errors.New("there is no socket"))
	case is(syscall.EPROTOTYPE):
		return Errorf(SocketNotFound, what, socket, errors.New("a socket of another type is in its place")).
			WithHint(moveAway)
	case is(syscall.EAGAIN):
		return Errorf(ConnectTimeout, what, socket, errors.New("its queue of waiting connections is full"))
	case is(syscall.ECONNREFUSED):
		if info, err := os.Stat(socket); err == nil && info.Mode().Type() != fs.ModeSocket {
			return Errorf(SocketNotFound, what, socket, fmt.Errorf("it is %s, not a socket", fileKind(info.Mode()))).
				WithHint(moveAway)
		}
		return Errorf(ConnectionRefused, what, socket, errors.New("nobody listens on the socket"))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), is(syscall.ETIMEDOUT):
		return Errorf(ConnectTimeout, what, socket, errors.New("the connection was not accepted in time"))
	}
	return Errorf(Internal, what, socket, err).WithHint(clientDefect)
}

const moveAway = "Move it away, then: sudo systemctl start annad"

func fileKind(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeNamedPipe:
		return "a FIFO"
	}
	return "a special file"
}

// permissionError says who may connect and what this user types to become one
// of them. It does not claim that a daemon runs: an outsider cannot see that.
func permissionError(socket string) *Error {
	e := Errorf(SocketPermission, "cannot connect to annad at %s: permission denied", socket)
	group := groupOf(socket)
	me, err := user.Current()
	if group == nil || err != nil || group.Gid == "0" {
		return e.WithHint("Permission denied. Use sudo")
	}
	if gids, err := me.GroupIds(); err == nil && slices.Contains(gids, group.Gid) {
		if session, err := os.Getgroups(); err == nil {
			if gid, err := strconv.Atoi(group.Gid); err == nil && !slices.Contains(session, gid) {
				return e.WithHint("Permission denied. %s is in the group %s since after this session began: log out and in again, or use sudo", me.Username, group.Name)
			}
		}
		return e.WithHint("Permission denied. Use sudo")
	}
	return e.WithHint("Permission denied. Join the group: sudo usermod -aG %s %s (then log in again), or use sudo", group.Name, me.Username)
}

// groupOf returns the group that may reach the socket: its own where it can be
// seen, else that of the nearest directory above it that can.
func groupOf(path string) *user.Group {
	for range 3 {
		if info, err := os.Stat(path); err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				return nil
			}
			group, err := user.LookupGroupId(strconv.Itoa(int(st.Gid)))
			if err != nil {
				return nil
			}
			return group
		}
		path = filepath.Dir(path)
	}
	return nil
}
