package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// testWorld is a client process whose streams are files.
func testWorld(t *testing.T, env map[string]string) *World {
	t.Helper()
	file := func(name string) *os.File {
		f, err := os.CreateTemp(t.TempDir(), name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return &World{
		Program: "annactl", Out: file("out"), Err: file("err"), Tree: testTree(),
		Env:        func(name string) string { return env[name] },
		ConfigPath: filepath.Join(t.TempDir(), "none.toml"),
		Specs:      func(string) (rpc.Spec, bool) { return rpc.Spec{}, false },
	}
}

// said takes what was written to a stream of the world.
func said(t *testing.T, f *os.File) string {
	t.Helper()
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	f.Truncate(0)
	f.Seek(0, io.SeekStart)
	return string(text)
}

// TestReport freezes what each kind of error becomes: its status, its words on
// stderr and its object on stdout.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte("[daemon]\nsokcet = \"/run/x\"\n[health]\nrpc_p99_warn = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, invalid := config.Load(file)
	call := rpc.Errorf(rpc.NotAuthorized, "cannot call reload_config: uid %d may not", 1000)
	internal := rpc.Errorf(rpc.Internal, "cannot answer get_x: the daemon failed")
	internal.RequestID = "r7-12"
	var b bytes.Buffer
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"nothing", nil},
		{"the reader has gone", fmt.Errorf("cannot print: %w", errPipe)},
		{"a level", Status(ExitCritical)},
		{"a level with something around it", fmt.Errorf("health: %w", Status(ExitWarning))},
		{"interrupted", fmt.Errorf("cannot wait: %w", context.Canceled)},
		{"wrong usage", Usagef("see: annactl health --help", "flag %s needs a value", "--timeout")},
		{"wrong usage with something around it", fmt.Errorf("cannot read the line: %w", Usagef("see: x", "no"))},
		{"a failed call", call},
		{"a failed call with something around it", fmt.Errorf("cannot reload: %w", call)},
		{"a failed call with a next step of its own", &Hinted{Err: call, Hint: "ask your administrator"}},
		{"a call that may be repeated, with details", rpc.Errorf(rpc.Busy, "cannot call get_x: the daemon is busy").WithDetails(map[string]int{"limit": 64})},
		{"a defect", internal},
		{"a code of the future", &rpc.Error{Code: "Novel", Message: "cannot do it: something new", Hint: "read on"}},
		{"an invalid configuration", invalid.Err()},
		{"an invalid configuration with something around it", fmt.Errorf("cannot start: %w", invalid.Err())},
		{"a next step", &Hinted{Err: errors.New("cannot read the terminal: it is gone"), Hint: "try without --watch"}},
		{"a next step and a status", &Hinted{Err: errors.New("cannot check: nothing to check"), Hint: "try doctor", Exit: ExitNoCheck}},
		{"anything else", errors.New("cannot write the answer: no space left on device")},
		{"several at once", errors.Join(errors.New("cannot a: b"), errors.New("cannot c: d"))},
		{"hostile words", &Hinted{Err: errors.New("a\x1b[2Jb\nc\u202ed\xff<&>"), Hint: "\x07\r"}},
	} {
		w := testWorld(t, nil)
		status := report(w, tt.err, false)
		out, errs := said(t, w.Out), said(t, w.Err)
		if out != "" {
			t.Errorf("%s: an error for people on stdout: %q", tt.name, out)
		}
		statusJSON := report(w, tt.err, true)
		outJSON, errsJSON := said(t, w.Out), said(t, w.Err)
		if status != statusJSON || errsJSON != "" {
			t.Errorf("%s: status %d as text, %d as JSON, which says %q on stderr", tt.name, status, statusJSON, errsJSON)
		}
		if status == 2 {
			t.Errorf("%s: status 2 is a crash's", tt.name)
		}
		fmt.Fprintf(&b, "# %s: %d\n%s%s\n", tt.name, status, errs, outJSON)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r") {
		t.Error("a control character reaches the terminal")
	}
	annatest.Golden(t, "testdata/console/report.txt", bytes.ReplaceAll(b.Bytes(), []byte(dir), []byte("/etc/anna")))
}
