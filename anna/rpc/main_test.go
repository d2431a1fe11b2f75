package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// childMode makes this test binary another process: a server or a client of
// its own, also under another user.
const childMode = "ANNA_RPC_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "":
		goleak.VerifyTestMain(m)
	case "server":
		childServer()
	case "hold":
		childHold()
	case "flood":
		childFlood()
	case "call":
		childCall()
	}
}

// methods are what test servers answer.
func methods(released <-chan struct{}) []Method {
	row := func(name string, kind Kind, access Access, idempotent bool, handle func(*Request) (any, error)) Method {
		return Method{Spec{Name: name, Kind: kind, Access: access, Idempotent: idempotent}, handle}
	}
	return []Method{
		row("subtract", Quick, Observe, true, func(r *Request) (any, error) {
			var list []float64
			if json.Unmarshal(r.Params, &list) == nil && len(list) == 2 {
				return list[0] - list[1], nil
			}
			var p struct {
				Minuend    float64 `json:"minuend"`
				Subtrahend float64 `json:"subtrahend"`
			}
			err := r.Decode(&p)
			return p.Minuend - p.Subtrahend, err
		}),
		row("sum", Quick, Observe, true, func(r *Request) (any, error) {
			var list []float64
			err := json.Unmarshal(r.Params, &list)
			total := 0.0
			for _, n := range list {
				total += n
			}
			return total, err
		}),
		row("update", Quick, Observe, true, func(*Request) (any, error) { return nil, nil }),
		row("get_data", Quick, Observe, true, func(*Request) (any, error) { return []any{"hello", 5}, nil }),
		row("add_once", Quick, Observe, false, func(*Request) (any, error) { return "done", nil }),
		row("control", Quick, Control, false, func(*Request) (any, error) { return "did it", nil }),
		row("panic", Quick, Observe, true, func(*Request) (any, error) { panic("a defect") }),
		row("panic_late", Quick, Observe, true, func(*Request) (any, error) { return panicker{}, nil }),
		row("fail", Quick, Observe, true, func(*Request) (any, error) { return nil, errors.New("a secret path") }),
		row("big", Quick, Observe, true, func(r *Request) (any, error) {
			var p struct {
				N int `json:"n"`
			}
			err := r.Decode(&p)
			return strings.Repeat("x", p.N), err
		}),
		row("wait", Long, Observe, true, func(r *Request) (any, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}),
		row("nap", Long, Observe, true, func(r *Request) (any, error) {
			if err := r.Send("napping"); err != nil {
				return nil, err
			}
			select {
			case <-time.After(200 * time.Millisecond):
				return "rested", nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}),
		row("hang", Quick, Observe, true, func(*Request) (any, error) { <-released; return "late", nil }),
		row("hang_long", Long, Observe, true, func(*Request) (any, error) { <-released; return "late", nil }),
		row("die", Quick, Observe, true, func(*Request) (any, error) {
			return nil, errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), context.Canceled)
		}),
		row("count", Stream, Observe, true, func(r *Request) (any, error) {
			var p struct {
				To int `json:"to"`
			}
			if err := r.Decode(&p); err != nil {
				return nil, err
			}
			for i := 1; p.To == 0 || i <= p.To; i++ {
				if err := r.Send(strings.Repeat("y", 1000) + strconv.Itoa(i)); err != nil {
					return nil, err
				}
				if p.To == 0 {
					select {
					case <-r.Context().Done():
						return nil, r.Context().Err()
					case <-time.After(time.Microsecond):
					}
				}
			}
			return "end", nil
		}),
	}
}

type panicker struct{}

func (panicker) MarshalJSON() ([]byte, error) { panic("in the encoder") }

func specs(name string) (Spec, bool) {
	for _, m := range methods(nil) {
		if m.Name == name {
			return m.Spec, true
		}
	}
	return Spec{}, false
}

// A harness is a server in this process on a socket of its own.
type harness struct {
	*Server
	socket   string
	released chan struct{} // closed: the hanging handlers return
	log      *annatest.Buffer
	seen     chan Observation
}

// socketDir is a directory whose name leaves room for a socket's path, and
// which other users can enter.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rpc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func listenAt(t testing.TB, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	return l
}

func start(t testing.TB, set ...func(*Server)) *harness {
	t.Helper()
	h := &harness{
		socket:   filepath.Join(socketDir(t), "s"),
		released: make(chan struct{}),
		log:      &annatest.Buffer{},
		seen:     make(chan Observation, 1<<17),
	}
	h.Server = NewServer(slog.New(slog.NewTextHandler(h.log, nil)), os.Getuid(), methods(h.released)...)
	h.Observe = func(o Observation) {
		select {
		case h.seen <- o:
		default:
		}
	}
	for _, f := range set {
		f(h.Server)
	}
	h.prepare()
	l := listenAt(t, h.socket)
	if err := os.Chmod(h.socket, 0o666); err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); h.Serve(l) }()
	t.Cleanup(func() {
		select {
		case <-h.released:
		default:
			close(h.released)
		}
		l.Close()
		<-served
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		h.Stop(ctx)
	})
	return h
}

func limits(l Limits) func(*Server) { return func(s *Server) { s.Limits = l } }

// A raw is a client that writes what it likes.
type raw struct {
	*net.UnixConn
	t testing.TB
	r *bufio.Reader
}

func (h *harness) dial(t testing.TB) *raw {
	t.Helper()
	return dialRaw(t, h.socket)
}

func dialRaw(t testing.TB, socket string) *raw {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return &raw{c.(*net.UnixConn), t, bufio.NewReaderSize(c, 1<<16)}
}

func (r *raw) put(line string) {
	r.t.Helper()
	if _, err := io.WriteString(r.UnixConn, line+"\n"); err != nil {
		r.t.Fatalf("cannot write: %v", err)
	}
}

func (r *raw) get() string {
	r.t.Helper()
	line, err := r.r.ReadString('\n')
	if err != nil {
		r.t.Fatalf("cannot read: %v (after %q)", err, line)
	}
	return strings.TrimSpace(line)
}

func (r *raw) ask(line string) string {
	r.t.Helper()
	r.put(line)
	return r.get()
}

// ended fails the test unless the server has closed the connection.
func (r *raw) ended() {
	r.t.Helper()
	if line, err := r.r.ReadString('\n'); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Errorf("the connection is open: %q, %v", line, err)
	}
}

// eventually waits for what another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func ask(method string, id int, params string) string {
	if params != "" {
		params = `,"params":` + params
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q%s}`, id, method, params)
}

// A process is this binary in another mode.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *annatest.Buffer
}

// child starts this binary in a mode. It is ended with the test.
func child(t testing.TB, mode string, uid int, env map[string]string, set ...func(*exec.Cmd)) *process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childMode+"="+mode, "GORACE=atexit_sleep_ms=0")
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	if uid > 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		cmd.Dir = "/"
	}
	p := &process{Cmd: cmd, err: &annatest.Buffer{}}
	cmd.Stderr = p.err
	for _, f := range set {
		f(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end() })
	return p
}

// end kills the process and waits for it.
func (p *process) end() {
	p.in.Close()
	p.Process.Kill()
	p.Wait()
}

// ended waits for a process that was told to end, and kills one that does not.
func (p *process) ended(t testing.TB) {
	t.Helper()
	late := time.AfterFunc(20*time.Second, func() { p.Process.Kill() })
	p.Wait()
	if !late.Stop() {
		t.Fatal("the process did not end")
	}
}

func (p *process) line(t testing.TB) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the child said %q, %v; %s", line, err, p.err.String())
	}
	return strings.TrimSpace(line)
}

// inheritable is a listener's socket as a file to start processes with. A net
// file would make the socket, which all its holders share, blocking at each
// start, so that the server of the moment could not stop accepting; a file that
// was blocking when it was made leaves the mode alone.
func inheritable(t *testing.T, l *net.UnixListener) *os.File {
	t.Helper()
	f, err := l.File()
	check(t, err)
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	check(t, err)
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), f.Name())
	t.Cleanup(func() { file.Close() })
	return file
}

// serverProcess starts a real server; with a listener it inherits the socket,
// as from systemd.
func serverProcess(t testing.TB, socket string, inherited *os.File) *process {
	t.Helper()
	p := standby(t, socket, inherited)
	p.serve(t)
	return p
}

// standby starts a server that waits before it takes its socket, so that a test
// can have the next one ready when it ends one.
func standby(t testing.TB, socket string, inherited *os.File) *process {
	t.Helper()
	p := child(t, "server", 0, map[string]string{"SOCKET": socket}, func(c *exec.Cmd) {
		if inherited != nil {
			c.ExtraFiles = []*os.File{inherited}
			c.Env = append(c.Env, "INHERITED=1")
		}
	})
	if got := p.line(t); got != "standby" {
		t.Fatalf("the server said %q", got)
	}
	return p
}

func (p *process) serve(t testing.TB) {
	t.Helper()
	fmt.Fprintln(p.in)
	if got := p.line(t); got != "ready" {
		t.Fatalf("the server said %q", got)
	}
}

// childServer serves, once told to, until SIGTERM.
func childServer() {
	fmt.Println("standby")
	bufio.NewReader(os.Stdin).ReadString('\n')
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	socket := os.Getenv("SOCKET")
	var l net.Listener
	var err error
	if os.Getenv("INHERITED") != "" {
		l, err = net.FileListener(os.NewFile(3, "socket"))
	} else {
		temp := fmt.Sprintf("%s.%d", socket, os.Getpid())
		if l, err = net.Listen("unix", temp); err == nil {
			if err = os.Chmod(temp, 0o666); err == nil {
				err = os.Rename(temp, socket)
			}
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	listener := l.(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
	s := NewServer(slog.New(slog.NewTextHandler(io.Discard, nil)), os.Getuid(), methods(make(chan struct{}))...)
	if t, err := time.ParseDuration(os.Getenv("WRITE")); err == nil {
		s.Limits.Write = t
	}
	debug.SetMemoryLimit(20 << 20) // a daemon has one
	go s.Serve(listener)
	fmt.Println("ready")
	<-terms
	listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	s.Stop(ctx)
}

// childHold opens N connections and says how many stay open.
func childHold() {
	n, _ := strconv.Atoi(os.Getenv("N"))
	open := 0
	for range n {
		c, err := net.Dial("unix", os.Getenv("SOCKET"))
		if err != nil {
			continue
		}
		fmt.Fprintln(c, ask("update", 1, ""))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err == nil && strings.Contains(line, `"result"`) {
			open++
		}
	}
	fmt.Println(open)
	io.Copy(io.Discard, os.Stdin)
}

// childCall makes one call and says how it ended: the code and the exit status.
func childCall() {
	c := &Client{Socket: os.Getenv("SOCKET"), Spec: specs}
	err := c.Call(context.Background(), os.Getenv("METHOD"), nil, nil)
	var e *Error
	switch {
	case err == nil:
		fmt.Println("ok 0 -")
	case errors.As(err, &e):
		fmt.Println(e.Code, e.Exit(), e.Hint)
	default:
		fmt.Println("other 1", err)
	}
}
