package dash

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestMain is also the program that panics in a terminal.
func TestMain(m *testing.M) {
	if kind := os.Getenv("ANNA_TEST_PANIC"); kind != "" {
		poll := func(ctx context.Context) (View, error) {
			time.Sleep(50 * time.Millisecond)
			if kind == "asking" {
				panic("poor poll")
			}
			return &list{head: "second", drawnHead: func() { panic("poor head") }}, nil
		}
		err := Run(context.Background(), Options{First: &list{head: "first"}, Interval: time.Millisecond, Poll: poll})
		os.Stderr.WriteString(errors.Join(err, errors.New("no panic")).Error())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestPanicOnTerminal holds that a panic, wherever it is, leaves a terminal that
// one can type into, with the reason readable on it.
func TestPanicOnTerminal(t *testing.T) {
	annatest.Require(t, annatest.PTY)
	for _, kind := range []string{"asking", "drawing"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"ANNA_TEST_PANIC=" + kind, "TERM=xterm-256color", "LANG=C.UTF-8"}
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		modes := func() unix.Termios {
			m, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			return *m
		}
		before := modes()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		text := make(chan string)
		go func() {
			all, _ := io.ReadAll(master)
			text <- string(all)
		}()
		err = cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%s: it ended with %v", kind, err)
		}
		if after := modes(); after != before {
			t.Errorf("%s: the terminal's modes were %+v and are %+v", kind, before, after)
		}
		slave.Close()
		all := <-text
		master.Close()
		_, after, left := strings.Cut(all, "\x1b[?1049l")
		if !left || !strings.Contains(after, "panic: poor ") || !strings.Contains(all, "first") {
			t.Errorf("%s: it left %q", kind, all)
		}
	}
}
