package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// A fault is a place in which a client finds no daemon that answers well.
type fault struct {
	name     string
	method   string
	deadline time.Duration
	// set makes the fault and returns the socket's path and how many
	// attempts it has seen; nil where nobody can count.
	set      func(t *testing.T) (socket string, attempts func() int64)
	code     Code
	exit     int
	message  string // its part
	hint     string // its part
	attempts int64
}

// faulty is a server that does the same with each connection, once its first
// line is there.
func faulty(do func(c net.Conn, line string, id json.RawMessage)) func(t *testing.T) (string, func() int64) {
	return func(t *testing.T) (string, func() int64) {
		socket := filepath.Join(socketDir(t), "s")
		l := listenAt(t, socket)
		var n atomic.Int64
		var open sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		open.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				n.Add(1)
				open.Go(func() {
					defer c.Close()
					stop := context.AfterFunc(ctx, func() { c.Close() })
					defer stop()
					line, err := bufio.NewReader(c).ReadString('\n')
					if err != nil {
						return
					}
					var r struct{ ID json.RawMessage }
					json.Unmarshal([]byte(line), &r)
					do(c, line, r.ID)
				})
			}
		})
		t.Cleanup(func() { cancel(); l.Close(); open.Wait() })
		return socket, n.Load
	}
}

// says is a faulty server that writes a text, with the request's id for %s.
func says(format string) func(t *testing.T) (string, func() int64) {
	return faulty(func(c net.Conn, _ string, id json.RawMessage) {
		io.WriteString(c, strings.ReplaceAll(format, "%s", string(id)))
	})
}

// wire is a daemon that answers with the error.
func wire(code Code, message string) func(t *testing.T) (string, func() int64) {
	return faulty(func(c net.Conn, _ string, id json.RawMessage) {
		c.Write(encodeError(id, Errorf(code, "%s", message)))
	})
}

func inPlace(make func(t *testing.T, path string)) func(t *testing.T) (string, func() int64) {
	return func(t *testing.T) (string, func() int64) {
		path := filepath.Join(socketDir(t), "s")
		make(t, path)
		return path, nil
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var faults = []fault{
	{
		name: "nothing there", set: inPlace(func(*testing.T, string) {}),
		code: SocketNotFound, exit: 10, message: "there is no socket", hint: "Daemon not running. Start with: sudo systemctl start annad",
	},
	{
		name: "a dangling link", set: inPlace(func(t *testing.T, p string) { check(t, os.Symlink("/nowhere/at/all", p)) }),
		code: SocketNotFound, exit: 10, message: "it is a link to /nowhere/at/all, and nothing is there",
	},
	{
		name: "a link to itself", set: inPlace(func(t *testing.T, p string) { check(t, os.Symlink(p, p)) }),
		code: SocketNotFound, exit: 10, message: "it is a link to",
	},
	{
		name: "a file", set: inPlace(func(t *testing.T, p string) { check(t, os.WriteFile(p, nil, 0o666)) }),
		code: SocketNotFound, exit: 10, message: "it is a regular file, not a socket", hint: "Move it away",
	},
	{
		name: "a directory", set: inPlace(func(t *testing.T, p string) { check(t, os.Mkdir(p, 0o777)) }),
		code: SocketNotFound, exit: 10, message: "it is a directory, not a socket", hint: "Move it away",
	},
	{
		name: "a FIFO", set: inPlace(func(t *testing.T, p string) { check(t, unix.Mkfifo(p, 0o666)) }),
		code: SocketNotFound, exit: 10, message: "it is a FIFO, not a socket", hint: "Move it away",
	},
	{
		name: "a file in the path", set: inPlace(func(t *testing.T, p string) { check(t, os.WriteFile(filepath.Dir(p)+"/f", nil, 0o666)) }),
		code: SocketNotFound, exit: 10,
	},
	{
		name: "a datagram socket", set: inPlace(func(t *testing.T, p string) {
			c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: p, Net: "unixgram"})
			check(t, err)
			t.Cleanup(func() { c.Close() })
		}),
		code: SocketNotFound, exit: 10, message: "a socket of another type is in its place", hint: "Move it away",
	},
	{
		name: "too long a path", set: func(*testing.T) (string, func() int64) { return "/" + strings.Repeat("x", 107), nil },
		code: SocketNotFound, exit: 10, message: "at most 107 bytes, this one has 108", hint: "Name a shorter path",
	},
	{
		name: "a stale socket", set: inPlace(func(t *testing.T, p string) { listenAt(t, p).Close() }),
		code: DaemonCrashed, exit: 12, message: "nobody listens on the socket and the daemon is not running", hint: "sudo annad",
	},
	{
		name: "a stale socket with last words", set: inPlace(func(t *testing.T, p string) {
			listenAt(t, p).Close()
			mb, limit := 71.0, 80.0
			check(t, diagnose.WriteWords(p, diagnose.Words{
				PID: 1 << 22, At: time.Now().Add(-3*time.Minute - time.Second), State: "stopping", Reason: "SIGTERM", MemoryMB: &mb, LimitMB: &limit,
			}))
		}),
		code: DaemonCrashed, exit: 12, message: "(last seen 3 min ago, 71 of 80 MB, stopping on SIGTERM)", hint: "sudo annad",
	},
	{
		name: "a stale socket of a process that runs", set: inPlace(func(t *testing.T, p string) {
			listenAt(t, p).Close()
			began, ok := diagnose.StartTime("/proc", os.Getpid())
			if !ok {
				t.Fatal("this process has no start time")
			}
			check(t, diagnose.WriteWords(p, diagnose.Words{PID: os.Getpid(), StartTime: began, At: time.Now(), State: "starting"}))
		}),
		code: ConnectionRefused, exit: 13, message: fmt.Sprintf("nobody listens on the socket (pid %d runs, starting)", os.Getpid()), hint: "not listening yet",
	},
	{
		name: "the backlog is full", deadline: time.Second, set: inPlace(func(t *testing.T, p string) {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			check(t, err)
			t.Cleanup(func() { unix.Close(fd) })
			check(t, unix.Bind(fd, &unix.SockaddrUnix{Name: p}))
			check(t, unix.Listen(fd, 0))
			for {
				c, err := net.Dial("unix", p)
				if err != nil {
					break
				}
				t.Cleanup(func() { c.Close() })
			}
		}),
		code: ConnectTimeout, exit: 7, message: "its queue of waiting connections is full", hint: "Daemon is starting or overloaded",
	},
	{
		name: "closes at once", set: faulty(func(net.Conn, string, json.RawMessage) {}),
		code: ConnectionReset, exit: 13, message: "the connection closed before one", attempts: 4,
	},
	{
		name: "closes at once, not idempotent", method: "add_once", set: faulty(func(net.Conn, string, json.RawMessage) {}),
		code: ConnectionReset, exit: 13, attempts: 1,
	},
	{
		name: "half an answer", set: says(`{"jsonrpc":"2.0","result":{"a":`),
		code: ConnectionReset, exit: 13, message: "closed in the middle of it", attempts: 4,
	},
	{
		name: "slow", deadline: 300 * time.Millisecond, set: faulty(func(c net.Conn, _ string, _ json.RawMessage) { io.Copy(io.Discard, c) }),
		code: ReadTimeout, exit: 7, message: "stays silent", hint: "Daemon not responding. Check logs: sudo journalctl -u annad -n 20", attempts: 1,
	},
	{
		name: "byte by byte", deadline: 300 * time.Millisecond, set: faulty(func(c net.Conn, _ string, _ json.RawMessage) {
			for {
				if _, err := c.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}),
		code: ReadTimeout, exit: 7, attempts: 1,
	},
	{name: "garbage", set: says("HTTP/1.1 400 Bad Request\x1b[2J\n"), code: InvalidResponse, exit: 14, message: `it is not JSON-RPC: "HTTP/1.1 400 Bad Request\x1b[2J"`, attempts: 1},
	{name: "an empty line", set: says("\n"), code: InvalidResponse, exit: 14, attempts: 1},
	{name: "a batch", set: says(`[{"jsonrpc":"2.0","result":1,"id":%s}]` + "\n"), code: InvalidResponse, exit: 14, attempts: 1},
	{name: "version 1", set: says(`{"result":1,"error":null,"id":%s}` + "\n"), code: InvalidResponse, exit: 14, message: "it is not JSON-RPC 2.0", attempts: 1},
	{name: "wrong id", set: says(`{"jsonrpc":"2.0","result":1,"id":99}` + "\n"), code: InvalidResponse, exit: 14, message: `its id is "99", not 1`, attempts: 1},
	{name: "id of another type", set: says(`{"jsonrpc":"2.0","result":1,"id":"%s"}` + "\n"), code: InvalidResponse, exit: 14, attempts: 1},
	{name: "neither result nor error", set: says(`{"jsonrpc":"2.0","id":%s}` + "\n"), code: InvalidResponse, exit: 14, message: "neither", attempts: 1},
	{name: "both", set: says(`{"jsonrpc":"2.0","id":%s,"result":1,"error":{"code":1,"message":"x"}}` + "\n"), code: InvalidResponse, exit: 14, message: "both", attempts: 1},
	{name: "a result of another type", set: says(`{"jsonrpc":"2.0","result":[1],"id":%s}` + "\n"), code: InvalidResponse, exit: 14, message: "cannot unmarshal array", attempts: 1},
	{
		name: "oversized", deadline: 20 * time.Second, set: faulty(func(c net.Conn, _ string, _ json.RawMessage) {
			for range 20 {
				if _, err := c.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}),
		code: InvalidResponse, exit: 14, message: "longer than 16 MiB", attempts: 1,
	},
	{
		name: "older protocol", set: says(`{"jsonrpc":"2.0","error":{"code":-32601,"message":"method not found"},"id":%s}` + "\n"),
		code: MethodNotFound, exit: 15, hint: "Command not supported. Upgrade daemon to match annactl version.", attempts: 1,
	},
	{
		name: "newer protocol", set: says(`{"jsonrpc":"2.0","error":{"code":-32099,"message":"cannot do it: \u001b[31mno","data":{"code":"Unheard","message":"","hint":"do that","retryable":true}},"id":%s}` + "\n"),
		code: Internal, exit: 1, message: "cannot do it: [31mno", hint: "do that", attempts: 1,
	},
	{
		name: "a code that is the client's own", set: says(`{"jsonrpc":"2.0","error":{"code":-32603,"message":"m","data":{"code":"SocketNotFound","message":"m","hint":"h"}},"id":%s}` + "\n"),
		code: Internal, exit: 1, attempts: 1,
	},
	{
		name: "busy", method: "add_once", set: wire(Busy, "cannot accept: 64 connections are open already"),
		code: Busy, exit: 13, message: "64 connections", hint: "A limit is reached", attempts: 4,
	},
	{name: "not authorized", set: wire(NotAuthorized, "cannot"), code: NotAuthorized, exit: 77, hint: "Use sudo", attempts: 1},
	{name: "configuration", set: wire(ConfigInvalid, "cannot reload:\nline 1\n"), code: ConfigInvalid, exit: 78, message: "line 1", attempts: 1},
	{name: "daemon's time-out", set: wire(Timeout, "cannot finish"), code: Timeout, exit: 7, attempts: 1},
	{name: "cancelled", set: wire(Cancelled, "cannot finish"), code: Cancelled, exit: 130, attempts: 1},
	{name: "parameters", set: wire(InvalidParams, "cannot"), code: InvalidParams, exit: 1, attempts: 1},
	{name: "no Btrfs", set: wire(NotBtrfs, "cannot"), code: NotBtrfs, exit: 1, attempts: 1},
	{name: "writable", set: wire(NotReadOnly, "cannot"), code: NotReadOnly, exit: 1, attempts: 1},
	{name: "capability", set: wire(CapabilityMissing, "cannot"), code: CapabilityMissing, exit: 1, attempts: 1},
	{name: "parse", set: wire(ParseError, "cannot"), code: ParseError, exit: 1, attempts: 1},
	{name: "request", set: wire(InvalidRequest, "cannot"), code: InvalidRequest, exit: 1, attempts: 1},
	{name: "internal", set: wire(Internal, "cannot"), code: Internal, exit: 1, hint: "This is a defect", attempts: 1},
	{
		name: "stopped by a signal", deadline: 300 * time.Millisecond, set: func(t *testing.T) (string, func() int64) {
			socket := filepath.Join(socketDir(t), "s")
			p := serverProcess(t, socket, nil)
			check(t, p.Process.Signal(syscall.SIGSTOP))
			eventually(t, "it is stopped", func() bool {
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
				return err == nil && strings.Contains(string(stat), ") T ")
			})
			return socket, nil
		},
		code: ReadTimeout, exit: 7, message: "accepted the connection and stays silent",
	},
	{
		name: "killed in the middle of a request", method: "die", set: func(t *testing.T) (string, func() int64) {
			socket := filepath.Join(socketDir(t), "s")
			serverProcess(t, socket, nil)
			return socket, nil
		},
		// The first attempt is reset; nobody starts another daemon.
		code: DaemonCrashed, exit: 12, message: "the daemon is not running",
	},
}

// TestFaults produces every row of the table, against real sockets and real
// processes.
func TestFaults(t *testing.T) {
	seen := map[Code]bool{SocketPermission: true} // TestPermission
	for _, f := range faults {
		seen[f.code] = true
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			socket, attempts := f.set(t)
			if f.name == "a file in the path" {
				socket = filepath.Dir(socket) + "/f/s"
			}
			if f.method == "" {
				f.method = "update"
			}
			if f.deadline == 0 {
				f.deadline = CommandTime
			}
			ctx, cancel := context.WithTimeout(t.Context(), f.deadline)
			defer cancel()
			var said []string
			c := &Client{Socket: socket, Spec: specs, Notice: func(line string) { said = append(said, line) }}
			var result map[string]any
			err := c.Call(ctx, f.method, nil, &result)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%v is no *Error", err)
			}
			if e.Code != f.code || e.Exit() != f.exit {
				t.Errorf("%s, exit %d, not %s, %d: %v", e.Code, e.Exit(), f.code, f.exit, e)
			}
			if !strings.Contains(e.Message, f.message) || strings.ContainsRune(e.Message, '\x1b') {
				t.Errorf("message %q lacks %q", e.Message, f.message)
			}
			if !strings.Contains(e.Hint, f.hint) || e.Hint == "" {
				t.Errorf("hint %q lacks %q", e.Hint, f.hint)
			}
			if attempts != nil {
				if n := attempts(); n != f.attempts {
					t.Errorf("the server saw %d attempts, not %d", n, f.attempts)
				}
				if (f.attempts > 1) != (len(said) > 0) {
					t.Errorf("after %d attempts it said %q", f.attempts, said)
				}
			}
		})
	}
	for _, row := range Codes {
		if !seen[row.Code] {
			t.Errorf("no fault produces %s", row.Code)
		}
	}
}

// TestPermission asks as a user whom the socket, or its directory, keeps out.
func TestPermission(t *testing.T) {
	annatest.Require(t, annatest.Root)
	h := start(t)
	check(t, os.Chmod(h.socket, 0o600))
	ask := func() string {
		return child(t, "call", 65534, map[string]string{"SOCKET": h.socket, "METHOD": "update"}).line(t)
	}
	if got := ask(); got != "SocketPermission 11 Permission denied. Use sudo" {
		t.Errorf("socket of root: %q", got)
	}
	check(t, os.Chown(h.socket, 0, 1))
	if got := ask(); !strings.HasPrefix(got, "SocketPermission 11 Permission denied. Join the group: sudo usermod -aG daemon nobody") {
		t.Errorf("socket of a group: %q", got)
	}
	check(t, os.Chmod(filepath.Dir(h.socket), 0o700))
	if got := ask(); got != "SocketPermission 11 Permission denied. Use sudo" {
		t.Errorf("closed directory: %q", got)
	}
}

// TestRefusedAtConnect is a server that says why and closes before it reads:
// the client's write may already fail, and it still learns the reason.
func TestRefusedAtConnect(t *testing.T) {
	socket := filepath.Join(socketDir(t), "s")
	l := listenAt(t, socket)
	closed := make(chan struct{})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write(encodeError(nil, Errorf(Busy, "cannot accept the connection: full")))
			c.Close()
			closed <- struct{}{}
		}
	}()
	c := &Client{Socket: socket, Spec: specs, Dial: func(ctx context.Context) (net.Conn, error) {
		nc, err := net.Dial("unix", socket)
		<-closed
		return nc, err
	}}
	err := c.CallOnce(t.Context(), "add_once", nil, nil)
	var e *Error
	if !errors.As(err, &e) || e.Code != Busy {
		t.Errorf("%v", err)
	}
}

// TestRestart restarts the server in the middle of many calls, politely and by
// force. Where its socket is made anew each time, retries hide it; where it is
// inherited, as from systemd, nothing is to be hidden from who may ask again.
func TestRestart(t *testing.T) {
	calls := 1000
	if testing.Short() {
		calls = 200
	}
	for _, inherited := range []bool{false, true} {
		t.Run(map[bool]string{false: "own socket", true: "inherited socket"}[inherited], func(t *testing.T) {
			socket := filepath.Join(socketDir(t), "s")
			var file *os.File
			if inherited {
				file = inheritable(t, listenAt(t, socket))
			}
			p := serverProcess(t, socket, file)
			var done, retried, failed atomic.Int64
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for done.Add(1) <= int64(calls) {
						again := false
						c := &Client{Socket: socket, Spec: specs, Notice: func(string) { again = true }}
						if err := c.Call(context.Background(), "update", nil, nil); err != nil {
							failed.Add(1)
							t.Log(err)
						}
						if again {
							retried.Add(1)
						}
						time.Sleep(time.Millisecond)
					}
				})
			}
			restarts, longest := 0, time.Duration(0)
			for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
				at := int64(calls * (restarts + 1) / 6)
				eventually(t, "calls go on", func() bool { return done.Load() >= at })
				next := standby(t, socket, file)
				gone := time.Now()
				check(t, p.Process.Signal(signal))
				p.ended(t)
				next.serve(t)
				p, longest = next, max(longest, time.Since(gone))
				restarts++
			}
			workers.Wait()
			// The one before ends also when nobody calls any more.
			next := standby(t, socket, file)
			check(t, (&Client{Socket: socket, Spec: specs}).Call(context.Background(), "update", nil, nil))
			check(t, p.Process.Signal(syscall.SIGTERM))
			p.ended(t)
			next.serve(t)
			t.Logf("%d calls over %d restarts of at most %s: %d failed, %d tried again", calls, restarts, longest.Round(time.Millisecond), failed.Load(), retried.Load())
			// Without a socket to wait at, a call outlasts what its schedule does.
			if failed.Load() > 0 && (inherited || longest < 500*time.Millisecond) {
				t.Error("calls failed")
			}
		})
	}
}
