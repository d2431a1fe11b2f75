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
