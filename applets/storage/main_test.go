package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// TestMain lets the test binary be the program, as whoever runs it: the real
// command line, with this applet alone.
func TestMain(m *testing.M) {
	time.Local = time.UTC // goldens hold times
	if os.Getenv("STORAGE_TEST_PROGRAM") != "" {
		table := applet.Table{Row}
		status := console.Main(&console.World{
			Program: "anna", In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
			ConfigPath: "/nonexistent", Specs: table.Spec, Tree: table.Commands(),
		}, os.Args[1:])
		if os.Getenv("STORAGE_TEST_PEAK") != "" {
			fmt.Fprintln(os.Stderr, "peak", peakOf("self"))
		}
		os.Exit(status)
	}
	if socket := os.Getenv("STORAGE_TEST_DAEMON"); socket != "" {
		if err := daemonAlone(socket); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const nobody = 65534

// anna runs the program as a user and returns what it printed and its status.
func anna(t testing.TB, uid uint32, socket string, words ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), "/proc/self/exe", words...)
	c.Env = []string{"STORAGE_TEST_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "ANNA_SOCKET=" + socket, "LANG=C.UTF-8"}
	c.Dir = "/"
	c.Stdout, c.Stderr = &out, &errs
	if uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

const noSocket = "/nonexistent/annad.sock"

// annaJSON runs a command with --json and reads its answer.
func annaJSON[T any](t testing.TB, uid uint32, socket string, words ...string) T {
	t.Helper()
	var v T
	stdout, stderr, status := anna(t, uid, socket, append(words, "--json")...)
	if status != 0 || stderr != "" {
		t.Fatalf("%v: status %d, %s%s", words, status, stdout, stderr)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(stdout)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v: %v in %.300s", words, err, stdout)
	}
	return v
}

// openUp lets others go where t.TempDir made a directory.
func openUp(t testing.TB, dir string) {
	t.Helper()
	for up := dir; len(up) > len(os.TempDir()); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func pointer[T any](v T) *T { return &v }
