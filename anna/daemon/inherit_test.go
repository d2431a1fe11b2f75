package daemon_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
