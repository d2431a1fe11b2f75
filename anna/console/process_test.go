package console

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// client is the real executable as a client, with an environment of its own.
func client(t *testing.T, name string, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(annatest.Build(t), name), words...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "TMPDIR=" + t.TempDir(), "LANG=C.UTF-8"}
	return cmd
}

func exitStatus(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode() // -1: by a signal
}

// TestReaderGone holds that a command whose reader has gone ("| head") ends
// with 0 and without a word, on every path that prints.
func TestReaderGone(t *testing.T) {
	for _, words := range []string{
		"anna", "anna --version", "anna health --help", "anna explain", "anna explain --json", "anna explain Busy",
		"anna version", "anna help health", "anna health --standalone --json", "annad --help", "annad --version",
	} {
		fields := strings.Fields(words)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		var errs bytes.Buffer
		cmd := client(t, fields[0], fields[1:]...)
		cmd.Stdout, cmd.Stderr = w, &errs
		err = cmd.Run()
		w.Close()
		if status := exitStatus(t, err); status != 0 || errs.Len() > 0 {
			t.Errorf("%s: status %d, stderr %q", words, status, errs.String())
		}
	}
}

// TestLogReaderGone holds that a daemon survives the reader of its log.
func TestLogReaderGone(t *testing.T) {
	dir, err := os.MkdirTemp("", "anna-") // t.TempDir: too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	socket := filepath.Join(dir, "run", "annad.sock")
	cmd := client(t, "annad", "--socket", socket, "--state-dir", filepath.Join(dir, "state"), "--config", filepath.Join(dir, "none.toml"))
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	for {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the daemon ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	if out, err := client(t, "annactl", "version", "--socket", socket).Output(); err != nil || !bytes.Contains(out, []byte("pid ")) {
		t.Errorf("annactl version: %s, %v", out, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("the daemon ended with: %v", err)
	}
}

// TestInterrupt holds that Ctrl-C, and its relatives, end a command that waits:
// at once, with 130, and without a word.
func TestInterrupt(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	silent, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err) // a temporary directory with a long name
	}
	defer silent.Close()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		for _, words := range []string{"health", "health --json", "status", "version"} {
			var out, errs bytes.Buffer
			cmd := client(t, "annactl", append(strings.Fields(words), "--socket", socket, "--timeout", "10m")...)
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			c, err := silent.Accept()
			if err != nil {
				t.Fatal(err)
			}
			c.Read(make([]byte, 1)) // it has asked
			cmd.Process.Signal(sig)
			if status := exitStatus(t, cmd.Wait()); status != ExitInterrupted || out.Len()+errs.Len() > 0 {
				t.Errorf("%v during %s: status %d, stdout %q, stderr %q", sig, words, status, out.String(), errs.String())
			}
			c.Close()
		}
	}
}

// TestInterruptStandalone interrupts a command with a daemon inside, at the
// moment when its directory is there: nothing of it may stay.
func TestInterruptStandalone(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	for i := range rounds {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT}[i%4]
		cmd := client(t, "anna", "health", "--standalone")
		temp := strings.TrimPrefix(cmd.Env[1], "TMPDIR=")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		left := func() []os.DirEntry {
			list, err := os.ReadDir(temp)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		deadline := time.Now().Add(20 * time.Second)
		for len(left()) == 0 && time.Now().Before(deadline) { // until the directory is made
		}
		cmd.Process.Signal(sig)
		if i%4 == 3 {
			cmd.Process.Signal(sig) // an impatient user
		}
		status := exitStatus(t, cmd.Wait())
		if status != ExitInterrupted && status != 0 { // 0: it was done before
			t.Errorf("%v: status %d", sig, status)
		}
		if list := left(); len(list) > 0 {
			t.Errorf("%v: %v stays", sig, list)
		}
	}
}
