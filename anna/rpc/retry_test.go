package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// A try is what one attempt meets: an error of connect(2), or a server's way
// to treat the connection.
type try func() (net.Conn, error)

func refused() (net.Conn, error) { return nil, syscall.ECONNREFUSED }
func missing() (net.Conn, error) { return nil, syscall.ENOENT }
func full() (net.Conn, error)    { return nil, syscall.EAGAIN }

func serving(do func(c net.Conn, id json.RawMessage)) try {
	return func() (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			line, err := bufio.NewReader(there).ReadBytes('\n')
			if err != nil {
				return
			}
			var r struct{ ID json.RawMessage }
			json.Unmarshal(line, &r)
			do(there, r.ID)
		}()
		return here, nil
	}
}

var (
	answering = serving(func(c net.Conn, id json.RawMessage) {
		fmt.Fprintf(c, `{"jsonrpc":"2.0","result":"yes","id":%s}`+"\n", id)
	})
	closing = serving(func(net.Conn, json.RawMessage) {})
	silent  = serving(func(c net.Conn, _ json.RawMessage) { io.Copy(io.Discard, c) })
	busy    = serving(func(c net.Conn, _ json.RawMessage) { c.Write(encodeError(nil, Errorf(Busy, "cannot: full"))) })
)

func unit(active string, set ...func(*diagnose.State)) diagnose.State {
	s := diagnose.State{Booted: true, Systemd: true, Service: diagnose.Unit{LoadState: "loaded", ActiveState: active}}
	for _, f := range set {
		f(&s)
	}
	return s
}

// TestSchedule holds when the client tries again, and when it does not, by the
// clock. The last try of a list repeats.
func TestSchedule(t *testing.T) {
	const ms = time.Millisecond
	running := func(s *diagnose.State) { s.PID = 7; s.Service.MainPID = 7 }
	tests := []struct {
		name     string
		method   string
		deadline time.Duration
		tries    []try
		state    func(n int) diagnose.State // at the n-th look
		code     Code                       // "": success
		at       []time.Duration            // of the attempts
		took     time.Duration
		notices  string
	}{
		{
			name: "refused for good", tries: []try{refused}, code: DaemonCrashed,
			at: []time.Duration{0, 100 * ms, 300 * ms, 700 * ms}, took: 700 * ms,
			notices: "nobody listens on the socket; trying again|gave up after 3 retries",
		},
		{
			name: "refused while a process runs", tries: []try{refused}, code: ConnectionRefused,
			state: func(int) diagnose.State { return diagnose.State{PID: 5} },
			at:    []time.Duration{0, 100 * ms, 300 * ms, 700 * ms}, took: 700 * ms,
			notices: "trying again|gave up after 3 retries",
		},
		{
			name: "refused once", tries: []try{refused, answering},
			at: []time.Duration{0, 100 * ms}, took: 100 * ms, notices: "trying again|answered after 1 retry",
		},
		{name: "missing", tries: []try{missing}, code: SocketNotFound, at: []time.Duration{0}},
		{
			name: "backlog full", tries: []try{full, full, answering},
			at: []time.Duration{0, 100 * ms, 300 * ms}, took: 300 * ms, notices: "queue of waiting connections is full; trying again|answered after 2 retries",
		},
		{
			name: "refused, deadline before the second pause", deadline: 250 * ms, tries: []try{refused}, code: DaemonCrashed,
			at: []time.Duration{0, 100 * ms}, took: 100 * ms, notices: "trying again|gave up after 1 retry",
		},
		{name: "refused, no time for a retry", deadline: 50 * ms, tries: []try{refused}, code: DaemonCrashed, at: []time.Duration{0}},
		{
			name: "gave up", tries: []try{refused}, code: DaemonCrashed, at: []time.Duration{0},
			state: func(int) diagnose.State { return unit("failed") },
		},
		{
			name: "the socket unit gave up", tries: []try{refused}, code: DaemonCrashed, at: []time.Duration{0},
			state: func(int) diagnose.State {
				return unit("inactive", func(s *diagnose.State) { s.Socket.ActiveState = "failed" })
			},
		},
		{
			name: "closed, idempotent", tries: []try{closing, answering},
			at: []time.Duration{0, 100 * ms}, took: 100 * ms, notices: "trying again|answered after 1 retry",
		},
		{name: "closed, not idempotent", method: "add_once", tries: []try{closing}, code: ConnectionReset, at: []time.Duration{0}},
		{name: "closed, unknown method", method: "unheard_of", tries: []try{closing}, code: ConnectionReset, at: []time.Duration{0}},
		{
			name: "refused, not idempotent: nothing was written", method: "add_once", tries: []try{refused, answering},
			at: []time.Duration{0, 100 * ms}, took: 100 * ms, notices: "trying again|answered after 1 retry",
		},
		{
			name: "busy, not idempotent: nothing was done", method: "add_once", tries: []try{busy, busy, busy, busy}, code: Busy,
			at: []time.Duration{0, 100 * ms, 300 * ms, 700 * ms}, took: 700 * ms, notices: "trying again|gave up after 3 retries",
		},
		{
			name: "silent", tries: []try{silent}, code: ReadTimeout, deadline: 30 * time.Second,
			at: []time.Duration{0, 5100 * ms}, took: 10100 * ms, notices: "stays silent; trying again|gave up after 1 retry",
		},
		{
			name: "silent, within the command's time", tries: []try{silent}, code: ReadTimeout,
			at: []time.Duration{0, 5100 * ms}, took: 10 * time.Second, notices: "trying again|gave up after 1 retry",
		},
		{
			name: "silent, active", tries: []try{silent}, code: ReadTimeout, took: 5 * time.Second, at: []time.Duration{0},
			state: func(int) diagnose.State { return unit("active", running) },
		},
		{name: "silent, not idempotent", method: "add_once", tries: []try{silent}, code: ReadTimeout, took: 5 * time.Second, at: []time.Duration{0}},
		{name: "silent, long", method: "wait", tries: []try{silent}, code: ReadTimeout, took: 10 * time.Second, at: []time.Duration{0}},
		{
			name: "starting", tries: []try{missing, refused, refused, answering},
			at: []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}, took: 750 * ms,
			state: func(int) diagnose.State {
				return unit("activating", func(s *diagnose.State) { s.Service.StatusText = "reading the store" })
			},
			notices: "waiting for the daemon, which systemd is starting: reading the store|the daemon is up",
		},
		{
			name: "starting for longer than the deadline", deadline: time.Second, tries: []try{refused}, code: ConnectTimeout,
			at: []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}, took: 750 * ms,
			state:   func(int) diagnose.State { return unit("activating") },
			notices: "waiting for the daemon, which systemd is starting",
		},
		{
			name: "crash loop", tries: []try{refused}, code: DaemonCrashed,
			at: []time.Duration{0, 250 * ms, 500 * ms}, took: 500 * ms,
			state: func(n int) diagnose.State {
				return unit("activating", func(s *diagnose.State) {
					s.Service.SubState, s.Service.NRestarts, s.Service.Result = "auto-restart", uint32(4+n), "signal"
					s.Service.ExecMainStatus = 9
				})
			},
			notices: "waiting for the daemon, which systemd is starting",
		},
		{
			name: "a stream, refused first", method: "count", tries: []try{refused, answering},
			at: []time.Duration{0, 100 * ms}, took: 100 * ms, notices: "trying again|answered after 1 retry",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var at []time.Duration
				var said []string
				looks := 0
				c := &Client{
					Socket: "/nowhere/s", Spec: specs,
					Notice: func(line string) { said = append(said, line) },
					Look: func(context.Context) diagnose.State {
						if looks++; test.state != nil {
							return test.state(looks - 1)
						}
						return diagnose.State{}
					},
					Dial: func(context.Context) (net.Conn, error) {
						at = append(at, time.Since(began))
						return test.tries[min(len(at), len(test.tries))-1]()
					},
				}
				ctx := t.Context()
				if test.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.deadline)
					defer cancel()
				}
				if test.method == "" {
					test.method = "update"
				}
				err := c.Call(ctx, test.method, nil, nil)
				var e *Error
				switch {
				case test.code == "" && err != nil:
					t.Errorf("it failed: %v", err)
				case test.code != "" && (!errors.As(err, &e) || e.Code != test.code):
					t.Errorf("%v, not %s", err, test.code)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, not %s", took, test.took)
				}
				if !slices.Equal(at, test.at) {
					t.Errorf("attempts at %v, not %v", at, test.at)
				}
				want := strings.Split(test.notices, "|")
				if test.notices == "" {
					want = nil
				}
				if len(said) != len(want) {
					t.Fatalf("it said %q, not %q", said, want)
				}
				for i := range want {
					if !strings.HasSuffix(said[i], want[i]) {
						t.Errorf("it said %q, not %q", said[i], want[i])
					}
				}
			})
		})
	}
}

// TestCancelledCall ends at once with the caller's cancellation, wherever it is.
func TestCancelledCall(t *testing.T) {
	progress := serving(func(c net.Conn, id json.RawMessage) {
		for {
			if _, err := fmt.Fprintf(c, `{"jsonrpc":"2.0","method":"nap","params":{"id":%s,"item":1}}`+"\n", id); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	})
	for name, try := range map[string]try{"silent": silent, "between tries": refused, "progress": progress} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(150*time.Millisecond, cancel)
				c := &Client{
					Spec: specs, Dial: func(context.Context) (net.Conn, error) { return try() },
					Look: func(context.Context) diagnose.State { return diagnose.State{} },
				}
				began := time.Now()
				if err := c.Call(ctx, "nap", nil, nil); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if took := time.Since(began); took != 150*time.Millisecond {
					t.Errorf("it took %s", took)
				}
				time.Sleep(2 * time.Second) // the server notices
			})
		})
	}
}

// TestFollow tries again until the first item and not after it.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		broken := serving(func(c net.Conn, id json.RawMessage) {
			fmt.Fprintf(c, `{"jsonrpc":"2.0","method":"count","params":{"id":%s,"item":1}}`+"\n", id)
		})
		list := []try{refused, busy, broken}
		c := &Client{
			Spec: specs, Look: func(context.Context) diagnose.State { return diagnose.State{} },
			Dial: func(context.Context) (net.Conn, error) {
				attempts++
				return list[min(attempts, 3)-1]()
			},
		}
		items := 0
		err := c.Follow(t.Context(), "count", nil, func(json.RawMessage) error { items++; return nil })
		var e *Error
		if !errors.As(err, &e) || e.Code != ConnectionReset || items != 1 || attempts != 3 {
			t.Errorf("%v after %d items and %d attempts", err, items, attempts)
		}
		mine := errors.New("enough")
		attempts = 2
		if err := c.Follow(t.Context(), "count", nil, func(json.RawMessage) error { return mine }); !errors.Is(err, mine) || attempts != 3 {
			t.Errorf("%v after %d attempts", err, attempts)
		}
	})
}
