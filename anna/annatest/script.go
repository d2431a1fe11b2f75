package annatest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Script runs the real executable, under its three names, as the scripts of a
// directory (from the repository's root) say. Each has a private socket in
// $ANNA_SOCKET, and commands beside those of package testscript:
//
//	status N PROGRAM ...          run it and hold its exit status
//	[!] listens [SOCKET]          wait until a daemon answers (or nobody does)
//	signal KILL|TERM|STOP|CONT|HUP  to the daemon that left its last words
//	retry [-count=N] RE PROGRAM ...  until the output matches
//	mode MODE FILE                hold a file's type and permissions
//	expand FILE...                put variables' values into files
//	sleep TIME                    for what gives no sign
//
// and the conditions [uid0] and [has:PROGRAM].
func Script(t *testing.T, dir string) {
	bin := Build(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join(RepoRoot(t), dir),
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
			program, ok := strings.CutPrefix(cond, "has:")
			if !ok {
				return false, fmt.Errorf("there is no condition %q", cond)
			}
			_, err := exec.LookPath(program)
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  statusCmd,
			"listens": listensCmd,
			"signal":  signalCmd,
			"mode":    modeCmd,
			"expand":  expandCmd,
			"retry":   retryCmd,
			"sleep":   sleepCmd,
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

// listensCmd waits until a daemon answers on a socket; negated, until nobody
// accepts.
func listensCmd(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.Getenv("ANNA_SOCKET")
	if len(args) > 0 {
		path = ts.MkAbs(args[0])
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("unix", path)
		if err == nil {
			if !neg {
				fmt.Fprintln(c, `{"jsonrpc":"2.0","id":1,"method":"get_version"}`)
				_, err = bufio.NewReader(c).ReadString('\n')
			}
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

// signalCmd sends a signal to the process whose pid the last words name; after
// one that ends it, it waits for the end.
func signalCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal KILL|TERM|STOP|CONT|HUP")
	}
	sig, known := map[string]syscall.Signal{
		"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT, "HUP": syscall.SIGHUP,
	}[args[0]]
	if !known {
		ts.Fatalf("there is no signal %q", args[0])
	}
	var words struct {
		PID int `json:"pid"`
	}
	file := filepath.Join(filepath.Dir(ts.Getenv("ANNA_SOCKET")), "last.json")
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &words))
	if words.PID <= 0 { // kill(2) would mean a group of processes, or all
		ts.Fatalf("%s names no process", file)
	}
	ts.Check(syscall.Kill(words.PID, sig))
	if sig != syscall.SIGKILL && sig != syscall.SIGTERM {
		return
	}
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(words.PID, 0) == nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("the daemon, pid %d, does not end", words.PID)
		}
	}
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
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// retryCmd runs a program until its output matches a pattern, as often as
// -count says: retry 'mounted' annactl events.
func retryCmd(ts *testscript.TestScript, neg bool, args []string) {
	count := 1
	if len(args) > 0 {
		if rest, ok := strings.CutPrefix(args[0], "-count="); ok {
			n, err := strconv.Atoi(rest)
			ts.Check(err)
			count, args = n, args[1:]
		}
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: retry [-count=N] PATTERN PROGRAM ARGUMENT...")
	}
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && len(re.FindAllString(ts.ReadFile("stdout"), -1)) >= count {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no %d matches for %q (%v)", count, args[0], err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// sleepCmd waits, for what gives no sign.
func sleepCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sleep TIME")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}
