package rpc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is how long a connection is still read when the server stops: who
// connected and wrote a moment before is answered.
const drainTime = 50 * time.Millisecond

// A conn is one client. One goroutine reads lines; each line is worked on in a
// goroutine of its own, at most Limits.Unanswered of them, then the connection
// is not read; answers are written one at a time.
type conn struct {
	s    *Server
	nc   *net.UnixConn
	peer Peer
	ctx  context.Context
	stop context.CancelFunc

	stopping context.Context // ends when the connection is drained
	drainNow context.CancelFunc

	slots   chan struct{} // one for each line being worked on
	turn    chan struct{} // held by the quick call that runs
	writing sync.Mutex

	mu      sync.Mutex
	drainBy time.Time // when reading ends for good; zero: not stopping
	running []*inflight
}

// An inflight is a call that runs.
type inflight struct {
	id     string // as written; "" for a notification
	method string
	cancel context.CancelFunc
}

func newConn(s *Server, nc *net.UnixConn, peer Peer) *conn {
	ctx, stop := context.WithCancel(context.Background())
	stopping, drainNow := context.WithCancel(ctx)
	return &conn{
		s: s, nc: nc, peer: peer, ctx: ctx, stop: stop,
		stopping: stopping, drainNow: drainNow,
		slots: make(chan struct{}, max(s.Limits.Unanswered, 1)),
		turn:  make(chan struct{}, 1),
	}
}

// serve reads until the client leaves or the server stops, then waits for what
// is still being worked on: handlers that overrun keep their connection's
// place, so that they cannot pile up.
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
		if !c.slot() {
			c.s.lines.give(c.peer, held)
			break
		}
		job := &job{conn: c, read: read, release: func() {
			c.s.lines.give(c.peer, held)
			<-c.slots
		}}
		go job.run(line)
	}
	for range cap(c.slots) {
		if !c.slot() {
			c.slots <- struct{}{}
		}
	}
}

// slot waits for a free slot. It fails when the connection is aborted, which
// it is also when the client closed for good and not only its writing half:
// nobody would read the answers.
func (c *conn) slot() bool {
	select {
	case c.slots <- struct{}{}:
		return true
	default:
	}
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case c.slots <- struct{}{}:
			return true
		case <-c.ctx.Done():
			return false
		case <-look.C:
			if c.gone() {
				c.abort()
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

// answerCost is how many bytes of memory one byte of an answer costs: its own,
// and one for what encoding it left to the garbage collector.
const answerCost = 2

// errAnswerTooLarge says that no budget of its reader holds an answer.
var errAnswerTooLarge = errors.New("the answer is too large")

// write writes one line, within the limits for answers in flight and for time.
// A client that does not read loses the connection, not the daemon its memory.
// Where the budget is used up the connection stays, and the error is errFull.
func (c *conn) write(line []byte) error {
	// What is small is bounded by the slots: an error always gets through.
	if len(line) > c.s.Limits.freeAnswerBytes {
		cost := answerCost * len(line)
		if cost > c.s.answers.max(c.peer) {
			return errAnswerTooLarge
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.s.Limits.Write)
		defer cancel()
		if err := c.s.answers.take(ctx, c.peer, cost); err != nil {
			return errFull
		}
		defer c.s.answers.give(c.peer, cost)
	}
	return c.send(line)
}

// send writes a line that the budget has room for.
func (c *conn) send(line []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(c.s.Limits.Write))
	_, err := c.nc.Write(line)
	if err != nil {
		c.abort()
	}
	return err
}

// readBy sets the time for what is read next. Once the connection is drained,
// no time is later than the drain's end.
func (c *conn) readBy(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := time.Now().Add(d)
	if !c.drainBy.IsZero() && c.drainBy.Before(t) {
		t = c.drainBy
	}
	c.nc.SetReadDeadline(t)
}

// drain stops reading in a moment; what was read is still answered.
func (c *conn) drain() {
	c.drainNow()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drainBy = time.Now().Add(drainTime)
	c.nc.SetReadDeadline(c.drainBy)
}

func (c *conn) drained() bool { return c.stopping.Err() != nil }

// abort cancels everything the connection works on and closes it.
func (c *conn) abort() {
	c.stop()
	c.nc.Close()
}

// register notes a running call; what it returns ends that.
func (c *conn) register(call *inflight) (unregister func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, call)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, other := range c.running {
			if other == call {
				c.running = append(c.running[:i], c.running[i+1:]...)
				return
			}
		}
	}
}

// cancel ends the calls of this connection that have the id.
func (c *conn) cancel(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.running {
		if call.id == id {
			call.cancel()
		}
	}
}

// methods names the calls that run.
func (c *conn) methods() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, call := range c.running {
		names = append(names, call.method)
	}
	return names
}
