package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A conn is one client. One goroutine reads lines; each line is worked on in a
// goroutine of its own, at most Limits.Unanswered of them, then the connection
// is not read; answers are written one at a time.
type conn struct {
	s    *Server
	nc   *net.UnixConn
	peer Peer
	ctx  context.Context
	stop context.CancelFunc

	slots chan struct{} // one for each line being worked on

	stopping context.Context // ends when the connection is drained
	drainNow context.CancelFunc

	writing sync.Mutex

	mu      sync.Mutex
	running map[string]context.CancelFunc // by id, for cancel_request
}

func newConn(s *Server, nc *net.UnixConn, peer Peer) *conn {
	ctx, stop := context.WithCancel(context.Background())
	stopping, drainNow := context.WithCancel(ctx)
	return &conn{
		stopping: stopping, drainNow: drainNow,
		s: s, nc: nc, peer: peer, ctx: ctx, stop: stop,
		slots:   make(chan struct{}, max(s.Limits.Unanswered, 1)),
		running: map[string]context.CancelFunc{},
	}
}

// serve reads until the client leaves or the server stops, then waits for what
// is still being worked on.
func (c *conn) serve() {
	defer c.s.leave(c)
	defer c.nc.Close()
	defer c.stop()
	r := bufio.NewReaderSize(c.nc, 4096)
	for {
		line, held, err := c.readLine(r)
		if err != nil {
			c.s.lines.give(c.peer, held)
			c.farewell(err)
			break
		}
		read := time.Now()
		if len(bytes.TrimSpace(line)) == 0 {
			c.s.lines.give(c.peer, held)
			continue
		}
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			c.s.lines.give(c.peer, held)
			return
		}
		job := &job{conn: c, read: read, release: func() {
			c.s.lines.give(c.peer, held)
			<-c.slots
		}}
		go job.run(line)
	}
	c.finish()
}

// finish waits until every line is answered. A client that closed for good, and
// not only its writing half, ends the wait: nobody reads the answers.
func (c *conn) finish() {
	answered := make(chan struct{})
	go func() {
		for range cap(c.slots) {
			c.slots <- struct{}{}
		}
		close(answered)
	}()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-answered:
			return
		case <-look.C:
			if c.gone() {
				c.stop()
				c.nc.Close()
				<-answered
				return
			}
		}
	}
}

// gone reports whether the peer closed both ways (poll(2), POLLHUP).
func (c *conn) gone() bool {
	raw, err := c.nc.SyscallConn()
	if err != nil {
		return true
	}
	hangup := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		hangup = err == nil && n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
	})
	return err != nil || hangup
}

// errLine is a line that is refused with an answer before the connection is
// closed: what follows it cannot be told from its rest.
var (
	errLineTooLong = errors.New("line too long")
	errLineTooSlow = errors.New("line too slow")
	errNoRoom      = errors.New("no room for the line")
)

// readLine reads up to a newline. What it holds of the budget for lines is the
// caller's to give back, also with an error.
func (c *conn) readLine(r *bufio.Reader) (line []byte, held int, err error) {
	if err := c.await(r); err != nil {
		return nil, 0, err
	}
	c.nc.SetReadDeadline(time.Now().Add(c.s.Limits.LineTime))
	if c.drained() { // the deadline set by drain may just have been lost
		return nil, 0, os.ErrDeadlineExceeded
	}
	for {
		part, err := r.ReadSlice('\n')
		size := len(line) + len(part)
		if size > c.s.Limits.Line {
			return nil, held, errLineTooLong
		}
		if need := size - c.s.Limits.freeLineBytes; need > held {
			more := min(max(need, 2*held, 64<<10), c.s.Limits.Line) - held
			if !c.s.lines.try(c.peer, more) {
				return nil, held, errNoRoom
			}
			held += more
		}
		if cap(line) < size {
			grown := make([]byte, len(line), min(max(2*cap(line), size), c.s.Limits.Line))
			copy(grown, line)
			line = grown
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, held, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, held, nil // the last line may lack its newline
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.drained():
			return nil, held, errLineTooSlow
		default:
			return nil, held, err
		}
	}
}

// await blocks until a line begins. Silence is fine while requests are being
// worked on; otherwise it ends after Limits.Idle.
func (c *conn) await(r *bufio.Reader) error {
	for {
		if r.Buffered() > 0 {
			return nil
		}
		c.nc.SetReadDeadline(time.Now().Add(c.s.Limits.Idle))
		if c.drained() {
			return os.ErrDeadlineExceeded
		}
		_, err := r.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.drained() && len(c.slots) > 0 {
			continue
		}
		return err
	}
}

// farewell tells the client why its line ended the connection.
func (c *conn) farewell(err error) {
	var e *Error
	l := c.s.Limits
	switch {
	case errors.Is(err, errLineTooLong):
		e = Errorf(ParseError, "cannot read the request: its line is longer than %d bytes", l.Line)
	case errors.Is(err, errLineTooSlow):
		e = Errorf(ParseError, "cannot read the request: its line did not end within %s", l.LineTime)
	case errors.Is(err, errNoRoom):
		e = Errorf(Busy, "cannot read the request: too many long requests are being read")
	default:
		return
	}
	if c.write(encodeError(nil, e)) == nil {
		// The kernel drops what is on its way to a peer whose own data is
		// unread at close(2): read on for a moment, so that the answer arrives.
		c.nc.CloseWrite()
		c.nc.SetReadDeadline(time.Now().Add(time.Second))
		io.CopyN(io.Discard, c.nc, int64(l.Line))
	}
}

// write writes one line, within the limits for answers in flight and for time.
// A client that does not read loses the connection, not the daemon its memory.
func (c *conn) write(line []byte) error {
	if len(line) > c.s.answers.max(c.peer) {
		return Errorf(Busy, "cannot answer: the answer of %d bytes is too long", len(line))
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.s.Limits.Write)
	defer cancel()
	if err := c.s.answers.take(ctx, c.peer, len(line)); err != nil {
		c.abort()
		return err
	}
	defer c.s.answers.give(c.peer, len(line))
	c.writing.Lock()
	defer c.writing.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(c.s.Limits.Write))
	_, err := c.nc.Write(append(line, '\n'))
	if err != nil {
		c.abort()
	}
	return err
}

// drain stops reading; what was read is still answered.
func (c *conn) drain() {
	c.drainNow()
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) drained() bool { return c.stopping.Err() != nil }

// abort cancels everything the connection works on and closes it.
func (c *conn) abort() {
	c.stop()
	c.nc.Close()
}

func (c *conn) register(id json.RawMessage, cancel context.CancelFunc) {
	c.mu.Lock()
	c.running[string(id)] = cancel
	c.mu.Unlock()
}

func (c *conn) unregister(id json.RawMessage) {
	c.mu.Lock()
	delete(c.running, string(id))
	c.mu.Unlock()
}

// cancel ends the request of this connection that has the id.
func (c *conn) cancel(id json.RawMessage) {
	c.mu.Lock()
	cancel := c.running[string(id)]
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
