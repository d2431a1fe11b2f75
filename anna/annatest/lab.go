package annatest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A Machine is a throwaway Debian with a real systemd, booted by
// scripts/systemd-lab. Its methods may be called from several goroutines.
type Machine struct {
	t      testing.TB
	name   string
	script string
}

var labs atomic.Int64

// Lab boots a machine and removes it when the test ends; it goes as well when
// the test process dies. A boot takes about half a second: a package boots one
// machine in one test and runs its cases as subtests, each with lab.In(t).
//
// Where scripts/systemd-lab cannot boot one, the test skips with the script's
// own sentence, or fails where ANNA_TEST_REQUIRE asks for it. Lab neither
// installs nor downloads: `scripts/systemd-lab prepare` does, once.
// SUITE=bookworm in the environment tests with another release of systemd.
func Lab(t testing.TB, payload ...Payload) *Machine {
	t.Helper()
	Require(t, Systemd)
	root := t.TempDir()
	for _, lay := range payload {
		lay(t, root)
	}
	m := &Machine{
		t:      t,
		name:   fmt.Sprintf("go-%d-%d", os.Getpid(), labs.Add(1)),
		script: filepath.Join(RepoRoot(t), "scripts", "systemd-lab"),
	}
	m.boot(root)
	return m
}

// boot starts the script that keeps the machine for as long as its standard
// input is open, and waits until it says ready.
func (m *Machine) boot(root string) {
	m.t.Helper()
	var stderr bytes.Buffer
	keeper := exec.Command(m.script, "hold", m.name, root)
	keeper.Stderr = &stderr
	stdin, err := keeper.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	stdout, err := keeper.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := keeper.Start(); err != nil {
		m.t.Fatalf("cannot start %s: %v", m.script, err)
	}
	word, _ := bufio.NewReader(stdout).ReadString('\n')
	if word == "ready\n" {
		m.t.Cleanup(func() {
			stdin.Close()
			// The script bounds its own end; this bounds the script.
			late := time.AfterFunc(time.Minute, func() { keeper.Process.Kill() })
			defer late.Stop()
			if err := keeper.Wait(); err != nil {
				m.t.Errorf("cannot stop machine %s: %v", m.name, err)
			}
			if stderr.Len() > 0 {
				m.t.Logf("machine %s: %s", m.name, stderr.String())
			}
		})
		return
	}
	stdin.Close()
	err = keeper.Wait()
	why := strings.TrimSpace(stderr.String())
	if keeper.ProcessState.ExitCode() != 77 {
		m.t.Fatalf("cannot boot machine %s: %v\n%s", m.name, err, why)
	}
	if required, err := requiredNeeds(os.Getenv("ANNA_TEST_REQUIRE")); err != nil || slices.Contains(required, Systemd) {
		m.t.Fatalf("ANNA_TEST_REQUIRE names %s, but %s", Systemd, why)
	}
	m.t.Skipf("needs %s: %s", Systemd, why)
}

// In returns the machine for a subtest: what goes wrong is reported to t.
func (m *Machine) In(t testing.TB) *Machine {
	return &Machine{t: t, name: m.name, script: m.script}
}

// Run runs a command as root and returns what it printed and its exit status.
// It runs as a unit of its own: what it leaves in the background ends with it.
func (m *Machine) Run(cmd ...string) (stdout, stderr string, exit int) {
	m.t.Helper()
	return m.run("root", nil, cmd)
}

// RunAs is Run as another user, with the groups that the user has by now. The
// machine has one ordinary user: alice.
func (m *Machine) RunAs(user string, cmd ...string) (stdout, stderr string, exit int) {
	m.t.Helper()
	return m.run(user, nil, cmd)
}

// Must runs a command as root, returns its standard output without the last
// line end, and fails the test when the command fails.
func (m *Machine) Must(cmd ...string) string {
	m.t.Helper()
	stdout, stderr, exit := m.Run(cmd...)
	if exit != 0 {
		m.t.Fatalf("%s: exit status %d\n%s%s", strings.Join(cmd, " "), exit, stdout, stderr)
	}
	return strings.TrimSuffix(stdout, "\n")
}

// Write writes a file, 0644 and owned by root, and the directories above it.
func (m *Machine) Write(path, text string) {
	m.t.Helper()
	_, stderr, exit := m.run("root", strings.NewReader(text),
		[]string{"sh", "-c", `mkdir -p "$(dirname "$1")" && cat >"$1"`, "sh", path})
	if exit != 0 {
		m.t.Fatalf("cannot write %s in the machine: %s", path, stderr)
	}
}

// Journal returns what a unit logged since the boot, messages alone.
func (m *Machine) Journal(unit string) string {
	m.t.Helper()
	return m.Must("journalctl", "--boot", "--no-pager", "--quiet", "--output=cat", "--unit", unit)
}

func (m *Machine) run(user string, stdin io.Reader, cmd []string) (string, string, int) {
	m.t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command(m.script, append([]string{"exec", "-u", user, m.name}, cmd...)...)
	c.Stdin, c.Stdout, c.Stderr = stdin, &stdout, &stderr
	var exited *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exited) {
		m.t.Fatalf("cannot run %s: %v", m.script, err)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

// Emulate boots a virtual machine with a kernel of its own, which has all of
// cgroup v2, runs /root/test.sh of the payload in it as root, and returns what
// that printed. It is emulated in software and takes minutes: the test is
// skipped unless ANNA_TEST_REQUIRE names qemu or ANNA_TEST_LONG=1 is set.
// `scripts/systemd-lab prepare qemu` fills the cache, once.
func Emulate(t testing.TB, payload ...Payload) string {
	t.Helper()
	required, err := requiredNeeds(os.Getenv("ANNA_TEST_REQUIRE"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(required, QEMU) && os.Getenv("ANNA_TEST_LONG") != "1" {
		t.Skip("needs qemu and minutes: run it with `just lab-qemu`")
	}
	Require(t, QEMU)
	root := t.TempDir()
	for _, lay := range payload {
		lay(t, root)
	}
	var stdout, stderr bytes.Buffer
	c := exec.Command(filepath.Join(RepoRoot(t), "scripts", "systemd-lab"), "qemu", root)
	c.Env = append(os.Environ(), "TIMEOUT=600", "BOOT=120")
	c.Stdout, c.Stderr = &stdout, &stderr
	switch err := c.Run(); {
	case c.ProcessState != nil && c.ProcessState.ExitCode() == 77 && !slices.Contains(required, QEMU):
		t.Skipf("needs %s: %s", QEMU, strings.TrimSpace(stderr.String()))
	case err != nil:
		t.Fatalf("cannot run %s qemu: %v\n%s%s", c.Path, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}
