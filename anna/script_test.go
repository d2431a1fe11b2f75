package anna_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// TestScript runs the real executable, under its three names, as the scripts
// in testdata/script say.
func TestScript(t *testing.T) {
	bin := annatest.Build(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join(annatest.RepoRoot(t), "testdata", "script"),
		Setup: func(env *testscript.Env) error {
			run := filepath.Join(env.WorkDir, "run")
			if err := os.Mkdir(run, 0o750); err != nil {
				return err
			}
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("ANNA_SOCKET", filepath.Join(run, "annad.sock"))
			env.Setenv("LANG", "C.UTF-8")
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "uid0" {
				return os.Geteuid() == 0, nil
			}
			_, err := exec.LookPath(strings.TrimPrefix(cond, "has:"))
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  statusCmd,
			"listens": listensCmd,
			"signal":  signalCmd,
			"mode":    modeCmd,
			"expand":  expandCmd,
		},
	})
}

// statusCmd runs a program and holds its exit status: status 64 annactl helth.
func statusCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status NUMBER PROGRAM ARGUMENT...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, not %s", got, args[0])
	}
}

// listensCmd waits until somebody accepts on a socket.
func listensCmd(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.Getenv("ANNA_SOCKET")
	if len(args) > 0 {
		path = ts.MkAbs(args[0])
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		if (err == nil) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: %v", path, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// signalCmd sends a signal to the process whose pid the last words name.
func signalCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal KILL|TERM|STOP|CONT|HUP")
	}
	words := ts.ReadFile(filepath.Join(filepath.Dir(ts.Getenv("ANNA_SOCKET")), "last.json"))
	_, rest, _ := strings.Cut(words, `"pid":`)
	pid, err := strconv.Atoi(rest[:strings.IndexAny(rest, ",}")])
	ts.Check(err)
	sig := map[string]syscall.Signal{
		"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT, "HUP": syscall.SIGHUP,
	}[args[0]]
	ts.Check(syscall.Kill(pid, sig))
}

// modeCmd holds a file's type and permissions: mode Srw-rw---- run/annad.sock.
func modeCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode MODE FILE")
	}
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[0] {
		ts.Fatalf("%s has mode %s, not %s", args[1], got, args[0])
	}
}

// expandCmd puts the values of variables into a file: expand old.toml.
func expandCmd(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}
