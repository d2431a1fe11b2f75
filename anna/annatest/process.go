package annatest

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Process is the real daemon, running as a process of its own on a private
// socket. It ends with the test.
type Process struct {
	Socket string
	State  string // its state directory
	Config string // its configuration file, which may not exist
	PID    int

	t      testing.TB
	bin    string
	cmd    *exec.Cmd
	log    Buffer
	exited chan struct{}
}

// Daemon starts the real daemon with the configuration text ("" for none) and
// waits until it answers.
func Daemon(t testing.TB, config string, flags ...string) *Process {
	t.Helper()
	// Not t.TempDir: its path can be too long for a socket.
	dir, err := os.MkdirTemp("", "annad-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &Process{
		Socket: filepath.Join(dir, "run", "annad.sock"), State: filepath.Join(dir, "state"),
		Config: filepath.Join(dir, "config.toml"), t: t, bin: filepath.Join(Build(t), "annad"),
	}
	if config != "" {
		if err := os.WriteFile(d.Config, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { d.Signal(syscall.SIGKILL); d.Wait() })
	d.Start(flags...)
	return d
}

// Start starts the daemon again after its end, on the same socket and state.
func (d *Process) Start(flags ...string) {
	d.t.Helper()
	words := append([]string{"--config", d.Config, "--socket", d.Socket, "--state-dir", d.State}, flags...)
	d.cmd = exec.Command(d.bin, words...)
	d.cmd.Stderr = &d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.PID = d.cmd.Process.Pid
	d.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) { cmd.Wait(); close(exited) }(d.cmd, d.exited)
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := serves(d.Socket)
		if err == nil {
			return
		}
		select {
		case <-d.exited:
			d.t.Fatalf("the daemon ended:\n%s", d.Log())
		default:
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the daemon does not answer: %v\n%s", err, d.Log())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// serves tells whether connections to the socket are accepted. They can be made
// before: the kernel keeps them while the daemon opens its state. Nothing is
// asked, for requests are counted.
func serves(socket string) error {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.CloseWrite(); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(time.Second))
	_, err = io.Copy(io.Discard, c) // the server closes a connection that has ended
	return err
}

// Signal sends a signal; a daemon that has ended gets none.
func (d *Process) Signal(sig syscall.Signal) {
	if d.cmd == nil {
		return
	}
	select {
	case <-d.exited:
	default:
		d.cmd.Process.Signal(sig)
	}
}

// Wait waits for the daemon's end.
func (d *Process) Wait() {
	if d.exited != nil {
		<-d.exited
	}
}

// Log is what the daemon has said so far.
func (d *Process) Log() string { return d.log.String() }

// StatusMB reads a figure of /proc/PID/status, such as VmRSS, in units of 2^20
// bytes.
func (d *Process) StatusMB(field string) float64 {
	d.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(d.PID) + "/status")
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return kb / 1024
		}
	}
	d.t.Fatalf("/proc/%d/status has no %s", d.PID, field)
	return 0
}
