package daemon_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
