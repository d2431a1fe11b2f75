package doctor

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// shown is what a terminal shows, written by one goroutine and read by another.
type shown struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestQuestion answers --fix at a terminal in every way there is. Only a plain
// yes changes anything, and an interrupt is heard at once.
func TestQuestion(t *testing.T) {
	annatest.Require(t, annatest.PTY)
	anna := filepath.Join(annatest.Build(t), "anna")
	for _, tt := range []struct {
		name, keys string
		mode       os.FileMode
		status     int
		says       string
	}{
		{"yes", "y\n", 0o660, 4, "mended: give the socket"},
		{"yes in capitals", "YES\n", 0o660, 4, "mended: give the socket"},
		{"no", "n\n", 0o666, 4, "nothing was changed"},
		{"enter", "\n", 0o666, 4, "nothing was changed"},
		{"something", "maybe\n", 0o666, 4, "nothing was changed"},
		{"end of input", "\x04", 0o666, 4, "nothing was changed"},
		{"interrupt", "\x03", 0o666, 130, "Do this?"},
		{"an answer without its end", "y\x03", 0o666, 130, "Do this?"},
		{"hung up", "", 0o666, 130, "Do this?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := dir(t)
			path := filepath.Join(d, "annad.sock")
			// Somebody listens who never answers: the check of the socket's file is
			// the client's alone.
			socket(t, path, 0o666)
			master, slave, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			cmd := exec.Command(anna, "doctor", "check", "socket", "--fix", "--socket", path, "--timeout", "300ms")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			var screen shown
			read := make(chan struct{})
			go func() {
				defer close(read)
				buf := make([]byte, 4096)
				for {
					n, err := master.Read(buf)
					screen.Write(buf[:n])
					if err != nil {
						return
					}
				}
			}()
			late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
			defer late.Stop()
			for began := time.Now(); !strings.Contains(screen.String(), "Do this? [y/N] "); time.Sleep(5 * time.Millisecond) {
				if time.Since(began) > 30*time.Second {
					cmd.Process.Kill()
					t.Fatalf("no question:\n%s", screen.String())
				}
			}
			if tt.keys == "" {
				cmd.Process.Signal(syscall.SIGHUP)
			}
			if _, err := master.WriteString(tt.keys); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			<-read
			if got := cmd.ProcessState.ExitCode(); got != tt.status || !strings.Contains(screen.String(), tt.says) {
				t.Errorf("status %d, not %d, or no %q:\n%s", got, tt.status, tt.says, screen.String())
			}
			if got := modeOf(t, path); got != tt.mode {
				t.Errorf("the socket has mode %04o, not %04o:\n%s", got, tt.mode, screen.String())
			}
		})
	}
}
