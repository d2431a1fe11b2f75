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
	Code     Code // of a failed one that was a call
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
	// Live returns limits that may change while the server serves: of
	// connections, of those of one user, and of a quick method's time. They hold
	// from the next connection and the next request on; nil leaves Limits.
	Live func() (connections, perUID int, quick time.Duration)
	// OwnUID is the daemon's user, who may control what he could also kill.
	OwnUID int
	// CountSelf counts requests of this very process as any other's: where the
	// client lives in it (--standalone), they are what there is to measure.
	CountSelf bool
	// Gone are methods that an older daemon had: what the error says of each.
	Gone map[string]string

	methods map[string]Method
	once    sync.Once
	lines   *budget
	answers *budget
	gates   [2]gate // of users; of root and the daemon itself
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

// Serve accepts connections until the listener is closed; after Stop it refuses
// them. The listener stays the caller's.
func (s *Server) Serve(l *net.UnixListener) error {
	s.prepare()
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

// prepare makes what depends on the limits.
func (s *Server) prepare() {
	s.once.Do(func() {
		s.Limits = s.Limits.withDefaults()
		s.lines = newBudget(s.Limits.Lines)
		s.answers = newBudget(s.Limits.Answers)
		s.gates = [2]gate{make(gate, 1), make(gate, 1)}
	})
}

func (s *Server) gate(p Peer) gate {
	if p.privileged() {
		return s.gates[1]
	}
	return s.gates[0]
}

// accept starts a connection, or tells the peer which limit is reached.
func (s *Server) accept(nc *net.UnixConn) {
	peer, err := PeerOf(nc)
	if err != nil {
		s.Log.Warn("connection refused", "error", err)
		nc.Close()
		return
	}
	c, refusal := s.admit(nc, peer)
	if refusal != nil {
		s.refused.Add(1)
		// A new socket's buffer takes a line; if it does not, the peer is told
		// nothing rather than waited for.
		nc.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		nc.Write(encodeError(nil, refusal))
		nc.Close()
		return
	}
	go c.serve()
}

// admit counts the connection in, or says why not. Not even root gets the last
// place: it is for the daemon's look at itself.
func (s *Server) admit(nc *net.UnixConn, peer Peer) (*conn, *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, Errorf(Busy, "cannot accept the connection: the daemon is stopping")
	}
	room, perUID, _ := s.live()
	switch {
	case peer.self():
	case peer.privileged():
		room -= min(1, s.Limits.Reserved)
	default:
		room -= s.Limits.Reserved
		same := 0
		for other := range s.conns {
			if other.peer.UID == peer.UID {
				same++
			}
		}
		if same >= perUID {
			return nil, Errorf(Busy, "cannot accept the connection: user %d has %d connections already", peer.UID, same)
		}
	}
	if len(s.conns) >= room {
		return nil, Errorf(Busy, "cannot accept the connection: %d connections are open already", len(s.conns))
	}
	c := newConn(s, nc, peer)
	s.conns[c] = struct{}{}
	s.idle.Add(1)
	return c, nil
}

func (s *Server) live() (connections, perUID int, quick time.Duration) {
	if s.Live == nil {
		return s.Limits.Connections, s.Limits.PerUID, s.Limits.QuickTime
	}
	return s.Live()
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.idle.Done()
}

// stopGrace is how long each of Stop's last two steps may take.
const stopGrace = 250 * time.Millisecond

// Stop lets requests in flight finish, for as long as the context lasts, and
// ends streams; then it cancels what is left, so that its clients are told, and
// closes every connection. It returns half a second after the context ended at
// the latest: a handler that ignores its context is named in the log and left
// behind. Close the listener first.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.each((*conn).drain)
	done := make(chan struct{})
	go func() { s.idle.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-ctx.Done():
	}
	for _, step := range []func(*conn){func(c *conn) { c.stop() }, (*conn).abort} {
		s.each(step)
		select {
		case <-done:
			return
		case <-time.After(stopGrace):
		}
	}
	s.each(func(c *conn) {
		s.Log.Warn("stopped without a handler that does not end", "methods", c.methods(), "uid", c.peer.UID)
	})
}

func (s *Server) each(do func(*conn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		do(c)
	}
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
