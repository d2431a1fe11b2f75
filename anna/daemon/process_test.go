package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/daemon"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shortDir is a directory of this user alone, with a name short enough for a
// socket in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "anna-")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A process is the real daemon, started by a shell that sets its environment
// as systemd does: $$ is the daemon's own pid, for exec keeps it.
type process struct {
	*exec.Cmd
	Socket string // what --socket names
	errs   bytes.Buffer
	ended  chan error
}

func start(t *testing.T, dir, env string, files ...*os.File) *process {
	t.Helper()
	p := &process{Socket: filepath.Join(dir, "run", "annad.sock"), ended: make(chan error, 1)}
	annad := filepath.Join(annatest.Build(t), "annad")
	p.Cmd = exec.Command("/bin/sh", "-c", env+` exec "$0" "$@"`, annad, "--socket", p.Socket,
		"--state-dir", filepath.Join(dir, "state"), "--config", filepath.Join(dir, "none.toml"))
	p.Env = []string{"PATH=/usr/bin:/bin"}
	p.Stderr, p.ExtraFiles = &p.errs, files
	check(t, p.Start())
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// answers waits until somebody answers on the socket, and returns who.
func (p *process) answers(t *testing.T, socket string) (peer rpc.Peer) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		pid, err := ask(socket)
		if err == nil {
			c, err := net.Dial("unix", socket)
			check(t, err)
			defer c.Close()
			peer, err := rpc.PeerOf(c.(*net.UnixConn))
			check(t, err)
			if pid != p.Process.Pid {
				t.Errorf("pid %d answers, not %d", pid, p.Process.Pid)
			}
			return peer
		}
		select {
		case end := <-p.ended:
			t.Fatalf("the daemon ended: %v\n%s", end, p.errs.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody answers on %s: %v", socket, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// ask returns the pid of the daemon that answers on the socket.
func ask(socket string) (pid int, err error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintln(c, `{"jsonrpc":"2.0","id":1,"method":"get_version"}`); err != nil {
		return 0, err
	}
	var answer struct {
		Result struct {
			PID int `json:"pid"`
		} `json:"result"`
	}
	err = json.NewDecoder(c).Decode(&answer)
	return answer.Result.PID, err
}

// end waits for the daemon's end.
func (p *process) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the daemon does not end")
		return nil
	}
}

func unixListener(t *testing.T, path string) (*net.UnixListener, *os.File) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	check(t, err)
	t.Cleanup(func() { l.Close() })
	f, err := l.File()
	check(t, err)
	t.Cleanup(func() { f.Close() })
	return l, f
}

// holds reports whether a process has the socket open.
func holds(t *testing.T, pid int, socket *os.File) bool {
	t.Helper()
	info, err := socket.Stat()
	check(t, err)
	want := fmt.Sprintf("socket:[%d]", info.Sys().(*syscall.Stat_t).Ino)
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	check(t, err)
	return slices.ContainsFunc(open, func(fd os.DirEntry) bool {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
		return link == want
	})
}

// TestInherit passes sockets as systemd does (sd_listen_fds(3)) and looks at
// who answers where.
func TestInherit(t *testing.T) {
	for name, tt := range map[string]struct {
		env  string
		fds  int  // sockets passed: fd 3, fd 4 ...
		want int  // the one that is used
		none bool // none is: the daemon makes its own
	}{
		"one":                       {env: "LISTEN_PID=$$ LISTEN_FDS=1", fds: 1},
		"one, with our name":        {env: "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=rpc", fds: 1},
		"one, with another name":    {env: "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=annad.socket", fds: 1},
		"two, ours is the second":   {env: "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=other:rpc", fds: 2, want: 1},
		"two, ours is the first":    {env: "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=rpc:other", fds: 2},
		"more names than sockets":   {env: "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=other:rpc", fds: 1},
		"for another process":       {env: "LISTEN_PID=1 LISTEN_FDS=1", fds: 1, none: true},
		"for nobody":                {env: "LISTEN_FDS=1", fds: 1, none: true},
		"none":                      {env: "LISTEN_PID=$$ LISTEN_FDS=0", fds: 1, none: true},
		"fewer than none":           {env: "LISTEN_PID=$$ LISTEN_FDS=-1", fds: 1, none: true},
		"a number that is no count": {env: "LISTEN_PID=$$ LISTEN_FDS=x", fds: 1, none: true},
		"a pid that is no number":   {env: "LISTEN_PID=$$x LISTEN_FDS=1", fds: 1, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			var files []*os.File
			var paths []string
			for i := range tt.fds {
				path := filepath.Join(dir, fmt.Sprintf("s%d", i))
				_, f := unixListener(t, path)
				check(t, os.Chmod(path, 0o640))
				files, paths = append(files, f), append(paths, path)
			}
			p := start(t, dir, "export "+tt.env+";", files...)
			socket := p.Socket
			if !tt.none {
				socket = paths[tt.want]
			}
			if peer := p.answers(t, socket); peer.PID != p.Process.Pid {
				// What clients see is who called listen(2) last.
				t.Errorf("the peer is pid %d, not the daemon's %d", peer.PID, p.Process.Pid)
			}
			if !tt.none {
				if _, err := os.Lstat(p.Socket); err == nil {
					t.Error("it made a socket of its own as well")
				}
				if info, err := os.Lstat(socket); err != nil || info.Mode().Perm() != 0o640 {
					t.Errorf("the passed socket is %v (%v)", info, err)
				}
				for i, f := range files {
					if got := holds(t, p.Process.Pid, f); got != (i == tt.want) {
						t.Errorf("fd %d: open is %v", 3+i, got)
					}
				}
			}
			p.Process.Signal(syscall.SIGTERM)
			if err := p.end(t); err != nil {
				t.Errorf("%v\n%s", err, p.errs.String())
			}
			if !tt.none { // systemd listens on: who comes now waits for the next daemon
				c, err := net.Dial("unix", socket)
				if err != nil {
					t.Errorf("after the daemon's end: %v", err)
				} else {
					c.Close()
				}
			}
		})
	}
}

// TestInheritRefuses passes what is no socket to listen on: the daemon must
// not pretend to be reachable.
func TestInheritRefuses(t *testing.T) {
	stream, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	t.Cleanup(func() { stream.Close() })
	for name, tt := range map[string]struct {
		file func(dir string) (*os.File, error)
		want string
	}{
		"a regular file": {func(dir string) (*os.File, error) { return os.Create(filepath.Join(dir, "f")) }, "socket operation on non-socket"},
		"/dev/null":      {func(string) (*os.File, error) { return os.Open(os.DevNull) }, "socket operation on non-socket"},
		"TCP":            {func(string) (*os.File, error) { return stream.File() }, "it is no Unix stream socket"},
		"datagrams": {func(dir string) (*os.File, error) {
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "d"), Net: "unixgram"})
			if err != nil {
				return nil, err
			}
			defer l.Close()
			return l.File()
		}, "it is no Unix stream socket"},
		"a connection": {func(string) (*os.File, error) {
			pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
			if err != nil {
				return nil, err
			}
			syscall.Close(pair[1])
			return os.NewFile(uintptr(pair[0]), "pair"), nil
		}, "invalid argument"},
	} {
		dir := shortDir(t)
		f, err := tt.file(dir)
		check(t, err)
		p := start(t, dir, "export LISTEN_PID=$$ LISTEN_FDS=1;", f)
		f.Close()
		if err := p.end(t); err == nil || p.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: the daemon ended with %v", name, err)
		}
		if got := p.errs.String(); !strings.Contains(got, "cannot use the socket that systemd passed: "+tt.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestInheritNetlink passes sockets of netlink(7) beside the one that the daemon
// answers on: in a network namespace of its own it sees the machine's by them,
// and where they lack it says so and tells of none.
func TestInheritNetlink(t *testing.T) {
	dir := shortDir(t)
	shown := filepath.Join(dir, "shown") // of another network than that of the daemon
	check(t, os.MkdirAll(filepath.Join(shown, "proc/1/net"), 0o755))
	check(t, os.WriteFile(filepath.Join(shown, "proc/1/net/dev"), nil, 0o644))
	check(t, os.Symlink("/sys", filepath.Join(shown, "sys")))
	for name, tt := range map[string]struct {
		names     string // of the sockets
		protocols []int  // -1 is that to answer on
		env       string
		network   string
		devices   string
	}{
		"all of them":          {names: "rpc:netlink:netlink:netlink", protocols: []int{-1, 0, 0, 15}, network: "active", devices: "active"},
		"in another order":     {names: "netlink:rpc:netlink:netlink", protocols: []int{15, -1, 0, 0}, network: "active", devices: "active"},
		"more than are needed": {names: "netlink:netlink:netlink:netlink:netlink:rpc", protocols: []int{0, 15, 0, 0, 15, -1}, network: "active", devices: "active"},
		"without one to ask":   {names: "rpc:netlink:netlink", protocols: []int{-1, 0, 15}, network: "degraded", devices: "active"},
		"none":                 {names: "rpc", protocols: []int{-1}, network: "degraded", devices: "degraded"},
		"of another kind":      {names: "rpc:netlink:netlink:netlink", protocols: []int{-1, 16, 9, 4}, network: "degraded", devices: "degraded"},
		"none, no sandbox":     {names: "rpc", protocols: []int{-1}, env: "unset ANNA_VIEW;", network: "active", devices: "active"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			path := filepath.Join(dir, "s")
			var files []*os.File
			for _, protocol := range tt.protocols {
				if protocol < 0 {
					_, f := unixListener(t, path)
					files = append(files, f)
					continue
				}
				fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, protocol)
				check(t, err)
				check(t, syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}))
				f := os.NewFile(uintptr(fd), "netlink")
				t.Cleanup(func() { f.Close() })
				files = append(files, f)
			}
			env := fmt.Sprintf("export LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s ANNA_VIEW=%s; %s", len(files), tt.names, shown, tt.env)
			p := start(t, dir, env, files...)
			p.answers(t, path)
			for module, want := range map[string]string{"network": tt.network, "devices": tt.devices} {
				state, why, do := capabilityOf(t, path, module)
				if state != want || (want == "degraded") != (strings.Contains(why, "a network namespace of its own") && strings.Contains(do, "unmask annad-netlink.socket")) {
					t.Errorf("%s is %s: %s; %s", module, state, why, do)
				}
			}
			p.Process.Signal(syscall.SIGTERM)
			if err := p.end(t); err != nil {
				t.Errorf("%v\n%s", err, p.errs.String())
			}
		})
	}
}

// capabilityOf asks how a module does.
func capabilityOf(t *testing.T, socket, module string) (state, why, do string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	check(t, err)
	defer c.Close()
	_, err = fmt.Fprintln(c, `{"jsonrpc":"2.0","id":1,"method":"list_capabilities"}`)
	check(t, err)
	var answer struct {
		Result struct {
			Capabilities []struct{ Module, State, Why, Do string }
		}
	}
	check(t, json.NewDecoder(c).Decode(&answer))
	for _, r := range answer.Result.Capabilities {
		if r.Module == module {
			return r.State, r.Why, r.Do
		}
	}
	t.Fatalf("no module %s in %+v", module, answer)
	return "", "", ""
}

// TestInheritedRestart holds that with an inherited socket no caller notices
// that one daemon ends and the next begins.
func TestInheritedRestart(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	_, f := unixListener(t, path)
	const env = "export LISTEN_PID=$$ LISTEN_FDS=1;"
	p := start(t, dir, env, f)
	p.answers(t, path)
	for range 3 {
		p.Process.Signal(syscall.SIGTERM)
		check(t, p.end(t))
		answer := make(chan error, 1)
		go func() { _, err := ask(path); answer <- err }() // nobody is there yet
		time.Sleep(10 * time.Millisecond)
		p = start(t, dir, env, f)
		if err := <-answer; err != nil {
			t.Errorf("a caller between two daemons: %v\n%s", err, p.errs.String())
		}
	}
}

// notifications is systemd's end of sd_notify(3).
func notifications(t *testing.T, dir string) (path string, next func() string) {
	t.Helper()
	path = filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	return path, func() string {
		t.Helper()
		b := make([]byte, 4096)
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := conn.Read(b)
		check(t, err)
		return string(b[:n])
	}
}

// TestNotify holds what systemd hears from a daemon, in its order.
func TestNotify(t *testing.T) {
	dir := shortDir(t)
	path, next := notifications(t, dir)
	p := start(t, dir, "export NOTIFY_SOCKET="+path+" WATCHDOG_USEC=200000 WATCHDOG_PID=$$;")
	await := func(field string) {
		t.Helper()
		for {
			message := next()
			for line := range strings.SplitSeq(message, "\n") {
				if line == field || strings.HasSuffix(field, "=") && strings.HasPrefix(line, field) {
					return
				}
				if name, value, ok := strings.Cut(line, "="); !ok || name == "" || value == "" {
					t.Errorf("no assignment: %q", message)
				}
				if strings.HasPrefix(line, "READY=") || strings.HasPrefix(line, "STOPPING=") {
					t.Errorf("%q before %q", line, field)
				}
			}
		}
	}
	if first := next(); first != "STATUS=starting" {
		t.Errorf("first it says %q", first)
	}
	await("READY=1")
	if _, err := ask(p.Socket); err != nil { // ready means: clients can call
		t.Errorf("it is ready, and: %v", err)
	}
	await("WATCHDOG=1")
	await("WATCHDOG=1")

	// A daemon that cannot be reached through its own socket gives no sign of
	// life until it can be again.
	check(t, os.Rename(p.Socket, p.Socket+".away"))
	for !strings.HasPrefix(next(), "STATUS=self-check failed: ") {
	}
	for range 3 {
		if message := next(); strings.Contains(message, "WATCHDOG=1") {
			t.Errorf("unreachable, it says %q", message)
		}
	}
	check(t, os.Rename(p.Socket+".away", p.Socket))
	await("WATCHDOG=1")

	p.Process.Signal(syscall.SIGTERM)
	await("STOPPING=1")
	check(t, p.end(t))
}

// TestNotifyInherited holds that a daemon lives on whose inherited socket lost
// its file: the next one would inherit the same.
func TestNotifyInherited(t *testing.T) {
	dir := shortDir(t)
	path, next := notifications(t, dir)
	socket := filepath.Join(dir, "s")
	_, f := unixListener(t, socket)
	p := start(t, dir, "export NOTIFY_SOCKET="+path+" WATCHDOG_USEC=200000 WATCHDOG_PID=$$ LISTEN_PID=$$ LISTEN_FDS=1;", f)
	p.answers(t, socket)
	petted := func(when string) {
		t.Helper()
		for messages := 0; messages < 50; messages++ {
			if message := next(); strings.Contains(message, "self-check failed") {
				t.Errorf("%s, it says %q", when, message)
			} else if message == "WATCHDOG=1" && messages > 3 {
				return
			}
		}
		t.Errorf("%s, it gives no sign of life", when)
	}
	petted("at first")
	check(t, os.Rename(socket, socket+".away"))
	petted("without its file")
	unixListener(t, socket)
	petted("with another's file in its place")
	check(t, os.Rename(socket+".away", socket))
	petted("with its file again")
	p.Process.Signal(syscall.SIGTERM)
	check(t, p.end(t))
}

// TestNotifyFailure holds that systemd hears why a daemon does not start.
func TestNotifyFailure(t *testing.T) {
	dir := shortDir(t)
	path, next := notifications(t, dir)
	check(t, os.WriteFile(filepath.Join(dir, "none.toml"), []byte("[daemon]\nx = 1\ny = 2\n"), 0o600))
	p := start(t, dir, "export NOTIFY_SOCKET="+path+";")
	for {
		message := next()
		if strings.Contains(message, "READY") {
			t.Fatalf("it says %q", message)
		}
		if strings.HasPrefix(message, "STATUS=cannot start: ") {
			if strings.Count(message, "\n") > 0 || !strings.Contains(message, "none.toml:2:1: ") {
				t.Errorf("it says %q", message)
			}
			break
		}
	}
	if p.end(t); p.ProcessState.ExitCode() != 78 {
		t.Errorf("exit status %d", p.ProcessState.ExitCode())
	}
}

// TestHangup holds that a SIGHUP ends no daemon: from the moment it says that
// it starts, and, where it is started with SIGHUP ignored, from exec on. (In
// between the kernel and the Go runtime decide, which end the process.)
func TestHangup(t *testing.T) {
	storm := func(t *testing.T, p *process) {
		stop := make(chan struct{})
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					p.Process.Signal(syscall.SIGHUP)
					time.Sleep(200 * time.Microsecond)
				}
			}
		}()
		p.answers(t, p.Socket)
		for range 20 {
			if _, err := ask(p.Socket); err != nil {
				t.Errorf("in a storm of SIGHUP: %v", err)
			}
		}
		close(stop)
		<-stopped
		p.Process.Signal(syscall.SIGTERM)
		if err := p.end(t); err != nil {
			t.Errorf("%v\n%s", err, p.errs.String())
		}
	}
	t.Run("ignored at exec", func(t *testing.T) {
		for range 3 {
			dir := shortDir(t)
			ready := filepath.Join(dir, "ready") // the shell ignores it now
			p := start(t, dir, "trap '' HUP; : >"+ready+";")
			for {
				if _, err := os.Stat(ready); err == nil {
					break
				}
				time.Sleep(100 * time.Microsecond)
			}
			storm(t, p)
		}
	})
	t.Run("from its first word", func(t *testing.T) {
		for range 3 {
			dir := shortDir(t)
			path := filepath.Join(dir, "notify")
			conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			check(t, err)
			defer conn.Close()
			p := start(t, dir, "export NOTIFY_SOCKET="+path+";")
			_, err = conn.Read(make([]byte, 4096))
			check(t, err)
			go func() { // systemd reads on; the daemon waits for it
				for {
					if _, err := conn.Read(make([]byte, 4096)); err != nil {
						return
					}
				}
			}()
			storm(t, p)
		}
	})
}

// slowTable has one method that takes as long as the test wants.
func slowTable(entered, release chan struct{}) applet.Table {
	return applet.Table{{
		Name: "slow", Summary: "slow",
		Methods: []applet.Method{{
			Spec: rpc.Spec{Name: "get_slow", Summary: "slow", Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true},
			Serve: func(_ *host.Host, r *rpc.Request) (any, error) {
				entered <- struct{}{}
				<-release
				return map[string]bool{"done": true}, nil
			},
		}},
	}}
}

// TestStopFinishesRequests holds that a request in flight gets its answer when
// the daemon stops, that nothing new is accepted meanwhile, and that a request
// which never ends does not hold the daemon up for ever.
func TestStopFinishesRequests(t *testing.T) {
	for name, patient := range map[string]bool{"one that ends": true, "one that never ends": false} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			entered, release := make(chan struct{}, 1), make(chan struct{})
			opts := daemon.Options{
				Table: slowTable(entered, release), ConfigPath: filepath.Join(dir, "none.toml"),
				Log: slog.New(slog.DiscardHandler), Private: true,
				Overrides: []daemon.Override{
					{Key: "daemon.socket", Value: filepath.Join(dir, "s"), Flag: "test"},
					{Key: "daemon.state_dir", Value: filepath.Join(dir, "state"), Flag: "test"},
				},
			}
			d, err := daemon.Start(t.Context(), opts)
			check(t, err)
			c, err := net.Dial("unix", d.Socket)
			check(t, err)
			defer c.Close()
			fmt.Fprintln(c, `{"jsonrpc":"2.0","id":7,"method":"get_slow"}`)
			<-entered
			stopped := make(chan struct{})
			go func() { d.Stop("test"); close(stopped) }()
			for { // until it accepts nobody any more
				other, err := net.Dial("unix", d.Socket)
				if err != nil {
					break
				}
				other.Close()
				time.Sleep(time.Millisecond)
			}
			if patient {
				select {
				case <-stopped:
					t.Error("it stopped before it answered")
				default:
				}
				// The socket's place and the state are taken until it has ended.
				if _, err := daemon.Start(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "another daemon holds it") {
					t.Errorf("a second daemon starts beside one that is stopping: %v", err)
				}
				close(release)
				var answer map[string]any
				if err := json.NewDecoder(c).Decode(&answer); err != nil || fmt.Sprint(answer["result"]) != "map[done:true]" || fmt.Sprint(answer["id"]) != "7" {
					t.Errorf("the answer is %v (%v)", answer, err)
				}
			} else {
				defer close(release)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			select {
			case <-stopped:
			case <-ctx.Done():
				t.Fatal("it does not stop")
			}
		})
	}
}
