package health

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// A terminal is a pseudo-terminal with a program in it, and what it shows.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	pty    *os.File
	before *unix.Termios
	exited chan struct{}

	mu  sync.Mutex
	vt  vt
	all strings.Builder
}

// openTerminal runs a client in a terminal of a size; env is added to a plain
// environment.
func openTerminal(t *testing.T, w, h int, env []string, words ...string) *terminal {
	t.Helper()
	annatest.Require(t, annatest.PTY)
	bin := annatest.Build(t)
	program := words[0]
	if !filepath.IsAbs(program) {
		program = filepath.Join(bin, program)
	}
	cmd := exec.Command(program, words[1:]...)
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "LANG=C.UTF-8", "TMPDIR=" + t.TempDir()}, env...)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, cmd: cmd, pty: master, exited: make(chan struct{}), vt: newVT(w, h)}
	x.before = x.modes()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := master.Read(buf)
			x.mu.Lock()
			x.all.Write(buf[:n])
			x.vt.write(string(buf[:n]))
			x.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { cmd.Wait(); close(x.exited) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-x.exited; master.Close() })
	return x
}

func (x *terminal) modes() *unix.Termios {
	m, err := unix.IoctlGetTermios(int(x.pty.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return m
}

func (x *terminal) screen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.vt.text()
}

// shows waits until the screen says all of it.
func (x *terminal) shows(parts ...string) {
	x.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		screen, missing := x.screen(), ""
		for _, part := range parts {
			no, hidden := strings.CutPrefix(part, "!")
			if strings.Contains(screen, no) == hidden {
				missing = part
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("the screen is wrong about %q:\n%s", missing, screen)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// said is everything that was written so far.
func (x *terminal) said() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.all.String()
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	if _, err := x.pty.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) resize(w, h int) {
	x.t.Helper()
	x.mu.Lock()
	x.vt = newVT(w, h)
	x.mu.Unlock()
	if err := pty.Setsize(x.pty, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the end, holds the status and that the terminal is as before:
// its modes, the main screen, a visible cursor, no mouse.
func (x *terminal) ends(status int) {
	x.t.Helper()
	select {
	case <-x.exited:
	case <-time.After(30 * time.Second):
		x.t.Fatalf("it does not end:\n%s", x.screen())
	}
	if got := x.cmd.ProcessState.ExitCode(); got != status {
		x.t.Errorf("exit status %d, not %d:\n%s", got, status, x.screen())
	}
	if after := x.modes(); *after != *x.before {
		x.t.Errorf("the terminal's modes were %+v and are %+v", x.before, after)
	}
	deadline := time.Now().Add(5 * time.Second) // what was written is on its way
	for {
		all, bad := x.said(), ""
		for _, pair := range [][2]string{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?25l", "\x1b[?25h"}, {"\x1b[?1002h", "\x1b[?1002l"}, {"\x1b[?2004h", "\x1b[?2004l"}} {
			if strings.LastIndex(all, pair[0]) > strings.LastIndex(all, pair[1]) {
				bad = pair[1]
			}
		}
		if bad == "" {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("it left without %q", bad)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
