package rpc

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// An Observation is one request as the clock saw it.
type Observation struct {
	Method   string
	Kind     Kind
	Took     time.Duration // from the line read to the answer written; a stream: to its first item
	Failed   bool
	Known    bool // the method exists
	Uncount  bool // the daemon's own, or marked so by its handler
	PeerUID  int
	Canceled bool
}

// A Server answers requests on a Unix socket. Set the fields before Serve.
type Server struct {
	Limits  Limits
	Log     *slog.Logger
	Observe func(Observation) // called after every request; must not block
	// ControlGID returns the group whose members have control, if any.
	ControlGID func() (gid int, ok bool)
	// OwnUID is the daemon's user, who may control what he could also kill.
	OwnUID int
	// CountSelf counts requests of this very process as any other's: where the
	// client lives in it (--standalone), they are what there is to measure.
	CountSelf bool

	methods map[string]Method
	once    sync.Once
	lines   *budget
	answers *budget
	lastID  atomic.Uint64

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	refused  atomic.Uint64
	idle     sync.WaitGroup // connections
}

// NewServer makes a server for the methods.
func NewServer(log *slog.Logger, ownUID int, methods ...Method) *Server {
	s := &Server{Log: log, OwnUID: ownUID, methods: make(map[string]Method, len(methods)), conns: map[*conn]struct{}{}}
	for _, m := range methods {
		s.methods[m.Name] = m
	}
	return s
}

// Connections returns how many connections are open and how many were refused
// since the start.
func (s *Server) Connections() (open int, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns), s.refused.Load()
}

// Serve accepts connections until the listener is closed or Stop is called.
// The listener stays the caller's.
func (s *Server) Serve(l *net.UnixListener) error {
	s.once.Do(func() {
		s.Limits = s.Limits.withDefaults()
		s.lines = newBudget(s.Limits.Lines)
		s.answers = newBudget(s.Limits.Answers)
	})
	pause := time.Duration(0)
	for {
		nc, err := l.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of descriptors, or a peer that left while it waited: neither
			// is a reason to stop listening, and neither to spin.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.Log.Warn("cannot accept a connection", "error", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.accept(nc)
	}
}

// accept starts a connection, or tells the peer which limit is reached.
func (s *Server) accept(nc *net.UnixConn) {
	peer, err := PeerOf(nc)
	if err != nil {
		s.Log.Warn("connection refused", "error", err)
		nc.Close()
		return
	}
	c := newConn(s, nc, peer)
	if refusal := s.admit(c); refusal != nil {
		s.refused.Add(1)
		// A new socket's buffer takes a line; if it does not, the peer is told
		// nothing rather than waited for.
		nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		nc.Write(append(encodeError(nil, refusal), '\n'))
		nc.Close()
		return
	}
	go c.serve()
}

// admit counts the connection in, or says why not.
func (s *Server) admit(c *conn) *Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return Errorf(Busy, "cannot accept the connection: the daemon is stopping")
	}
	l := s.Limits
	room := l.Connections
	if !c.peer.privileged() {
		room -= l.Reserved
		same := 0
		for other := range s.conns {
			if other.peer.UID == c.peer.UID {
				same++
			}
		}
		if same >= l.PerUID {
			return Errorf(Busy, "cannot accept the connection: user %d has %d connections already", c.peer.UID, same)
		}
	}
	if len(s.conns) >= room {
		return Errorf(Busy, "cannot accept the connection: %d connections are open already", len(s.conns))
	}
	s.conns[c] = struct{}{}
	s.idle.Add(1)
	return nil
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.idle.Done()
}

// Stop lets requests in flight finish, for as long as the context lasts, then
// cancels them; it returns when every connection is closed. Close the listener
// first.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	for c := range s.conns {
		c.drain()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.idle.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.conns {
		c.abort()
	}
	s.mu.Unlock()
	<-done
}

// allowed decides who may call what, from the kernel's word at accept.
func (s *Server) allowed(p Peer, m Method) bool {
	if m.Access == Observe || p.privileged() || p.UID == s.OwnUID {
		return true
	}
	if s.ControlGID == nil {
		return false
	}
	gid, ok := s.ControlGID()
	return ok && p.in(gid)
}
