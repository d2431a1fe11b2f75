package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A netlinkSocket is a netlink(7) socket that hears the kernel alone. It is our
// own, or one that was handed over: that one tells of the network namespace in
// which it was opened, whichever this process is in.
type netlinkSocket struct {
	f      *os.File
	raw    syscall.RawConn
	buf    []byte
	grows  bool // with the message; else one that is longer is left out
	handed bool
	groups []int // that it is in
	seq    uint32
}

// netlinkMost bounds one datagram of the kernel's, which are 32 KiB at most
// but for interfaces with very many virtual functions.
const netlinkMost = 1 << 20

// openNetlink opens a socket in the network namespace netns, 0 for this
// thread's; or takes handed, a descriptor that stays its owner's, where it is
// not 0. What a handed one still holds is of another time, and is thrown away.
func openNetlink(protocol, netns, handed int) (*netlinkSocket, error) {
	open := func() (int, error) {
		return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	}
	var fd int
	var err error
	if handed == 0 {
		fd, err = inNetNS(netns, open)
	} else {
		fd, err = unix.FcntlInt(uintptr(handed), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			if err = unix.SetNonblock(fd, true); err != nil {
				unix.Close(fd)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	s := &netlinkSocket{f: os.NewFile(uintptr(fd), "netlink"), buf: make([]byte, 8<<10), handed: handed != 0}
	if s.raw, err = s.f.SyscallConn(); err != nil {
		s.f.Close()
		return nil, fmt.Errorf("cannot use a netlink socket: %w", err)
	}
	return s, nil
}

// inNetNS calls open on a thread that is in the namespace netns. The goroutine
// never unlocks the thread, so the runtime ends it with the goroutine and no
// other code runs in that namespace.
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

// close ends it. A handed one stays open elsewhere: it leaves its groups, for
// what nobody reads would fill it.
func (s *netlinkSocket) close() {
	if s.handed {
		for _, g := range s.groups {
			_ = s.control(func(fd int) error {
				return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, g)
			})
		}
	}
	_ = s.f.Close()
}

func (s *netlinkSocket) control(do func(fd int) error) error {
	var err error
	return errors.Join(s.raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// subscribe lets notices of groups in, those that pass filter. degraded says why
// all of them are let in. It begins with nothing: what was there before is told
// by what is read next.
func (s *netlinkSocket) subscribe(filter []unix.SockFilter, groups ...int) (degraded, err error) {
	if s.handed { // whoever had it before may have been killed in a group
		for _, g := range groups {
			_ = s.control(func(fd int) error {
				return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_DROP_MEMBERSHIP, g)
			})
		}
		if err := s.drain(); err != nil {
			return nil, err
		}
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	degraded = s.control(func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program)
	})
	if err := s.control(bound); err != nil {
		return nil, err
	}
	for _, g := range groups {
		err := s.control(func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g)
		})
		if err != nil {
			return nil, err
		}
		s.groups = append(s.groups, g)
	}
	return degraded, nil
}

// bound gives a socket an address, without which it hears no group.
func bound(fd int) error {
	name, err := unix.Getsockname(fd)
	if own, ok := name.(*unix.SockaddrNetlink); err != nil || ok && own.Pid != 0 {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// deadline is when next gives up with [os.ErrDeadlineExceeded]; zero: never.
func (s *netlinkSocket) deadline(at time.Time) error { return s.f.SetReadDeadline(at) }

// interrupt makes next return at once, from another goroutine.
func (s *netlinkSocket) interrupt() { _ = s.f.SetReadDeadline(time.Unix(1, 0)) }

// next waits for a datagram of the kernel's, which holds until the next call.
// ENOBUFS says that the kernel dropped some.
func (s *netlinkSocket) next() ([]byte, error) {
	for {
		var n int
		var from unix.Sockaddr
		var err error
		waited := s.raw.Read(func(fd uintptr) bool {
			err = nil // of a try before
			if s.grows {
				if n, _, err = unix.Recvfrom(int(fd), nil, unix.MSG_PEEK|unix.MSG_TRUNC); err == nil && n > len(s.buf) && n <= netlinkMost {
					s.buf = make([]byte, n)
				}
			}
			if err == nil {
				n, from, err = unix.Recvfrom(int(fd), s.buf, unix.MSG_TRUNC)
			}
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
		switch {
		case !ok || sender.Pid != 0:
			continue // a process plays the kernel
		case n > len(s.buf) && s.grows:
			return nil, fmt.Errorf("a message of %d bytes", n)
		case n > len(s.buf):
			continue // no message that we know
		}
		return s.buf[:n], nil
	}
}

// drain throws away what waits: all of it is older than what is read next.
func (s *netlinkSocket) drain() error {
	return s.control(func(fd int) error {
		for range 1 << 16 {
			if _, _, err := unix.Recvfrom(fd, s.buf, 0); errors.Is(err, unix.EAGAIN) {
				return nil
			}
		}
		return nil
	})
}

// dumpTime bounds how long the kernel may take for one table.
const dumpTime = 30 * time.Second

// dump asks for a table, a datagram at a time: a full routing table is never
// held. interrupted says that the table changed meanwhile (NLM_F_DUMP_INTR).
func (s *netlinkSocket) dump(kind uint16, size int, each func(netlink.Message) error) (interrupted bool, err error) {
	s.seq++
	request := make([]byte, unix.SizeofNlMsghdr+size) // sizes of requests are aligned
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], kind)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(request[8:], s.seq)
	err = s.control(func(fd int) error {
		return unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err != nil {
		return false, err
	}
	if err := s.deadline(time.Now().Add(dumpTime)); err != nil {
		return false, err
	}
	for done := false; !done; {
		b, err := s.next()
		if err != nil {
			return false, err
		}
		err = netlinkMessages(b, func(m netlink.Message) error {
			if m.Header.Sequence != s.seq {
				return nil
			}
			interrupted = interrupted || m.Header.Flags&netlink.DumpInterrupted != 0
			switch m.Header.Type {
			case netlink.Error, netlink.Done:
				done = true
				return netlinkError(m)
			case netlink.Noop, netlink.Overrun:
				return nil
			}
			return each(m)
		})
		if err != nil {
			return false, err
		}
	}
	return interrupted, nil
}

// netlinkMessages cuts a datagram into its messages. What each gets holds as
// long as b does.
func netlinkMessages(b []byte, each func(netlink.Message) error) error {
	for len(b) > 0 {
		if len(b) < unix.SizeofNlMsghdr {
			return fmt.Errorf("%d bytes that are no netlink message", len(b))
		}
		length := int64(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > int64(len(b)) {
			return fmt.Errorf("a netlink message of %d bytes in %d", length, len(b))
		}
		err := each(netlink.Message{
			Header: netlink.Header{
				Length:   uint32(length),
				Type:     netlink.HeaderType(binary.NativeEndian.Uint16(b[4:])),
				Flags:    netlink.HeaderFlags(binary.NativeEndian.Uint16(b[6:])),
				Sequence: binary.NativeEndian.Uint32(b[8:]),
				PID:      binary.NativeEndian.Uint32(b[12:]),
			},
			Data: b[unix.SizeofNlMsghdr:length:length],
		})
		if err != nil {
			return err
		}
		aligned := (length + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		b = b[min(aligned, int64(len(b))):]
	}
	return nil
}

// netlinkError is the error that an answer ends with; nil when all is well.
func netlinkError(m netlink.Message) error {
	switch {
	case len(m.Data) >= 4:
		if errno := int32(binary.NativeEndian.Uint32(m.Data)); errno != 0 {
			return unix.Errno(uint32(-errno))
		}
	case m.Header.Type == netlink.Error:
		return errors.New("an error message without an error")
	}
	return nil
}
