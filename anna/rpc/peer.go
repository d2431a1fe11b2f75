package rpc

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Peer is who is at the other end, as the kernel said when the connection
// was accepted (unix(7), SO_PEERCRED and SO_PEERGROUPS): what the peer's
// process is or says later changes nothing.
type Peer struct {
	PID    int
	UID    int
	GID    int
	Groups []int // supplementary groups; nil where the kernel did not say
}

// privileged reports whether the server keeps places for the peer: for root, and
// for the daemon itself.
func (p Peer) privileged() bool { return p.UID == 0 || p.self() }

// self reports whether the peer is this very process.
func (p Peer) self() bool { return p.PID == os.Getpid() }

// in reports whether the peer is a member of the group.
func (p Peer) in(gid int) bool { return p.GID == gid || slices.Contains(p.Groups, gid) }

// PeerOf asks the kernel who is at the other end of a connection.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("cannot read the peer's credentials: %w", err)
	}
	var peer Peer
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			failed = err
			return
		}
		peer = Peer{PID: int(cred.Pid), UID: int(cred.Uid), GID: int(cred.Gid)}
		peer.Groups = peerGroups(int(fd))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return Peer{}, fmt.Errorf("cannot read the peer's credentials: %w", err)
	}
	return peer, nil
}

// peerGroups reads SO_PEERGROUPS: an array of gid_t, of a length that only the
// kernel knows. x/sys has no call for it.
func peerGroups(fd int) []int {
	gids := make([]uint32, 64)
	for range 4 { // ERANGE tells the size; it cannot change after connect(2)
		size := uint32(len(gids) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&gids[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			groups := make([]int, size/4)
			for i := range groups {
				groups[i] = int(gids[i])
			}
			return groups
		case unix.ERANGE:
			gids = make([]uint32, size/4+1)
		default:
			return nil // before Linux 4.13; the primary group still counts
		}
	}
	return nil
}

// Name is the peer's user as the system's files name it, "user 1000" where they
// do not. It is for people to read, never to decide by.
func (p Peer) Name() string {
	id := strconv.Itoa(p.UID)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return u.Username
	}
	return "user " + id
}
