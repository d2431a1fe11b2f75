package health

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// standalone runs the real `anna health --standalone` and holds that it ends
// with 0, shows measured figures and leaves nothing behind.
func standalone(t *testing.T, env []string, temp string, who *syscall.Credential) {
	t.Helper()
	anna := filepath.Join(annatest.Build(t), "anna")
	run := func(words ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		cmd := exec.Command(anna, words...)
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, "/", &o, &e
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		if err := cmd.Run(); err != nil {
			t.Errorf("anna %s: %v\n%s%s", strings.Join(words, " "), err, o.String(), e.String())
		}
		return o.String(), e.String()
	}
	out, errs := run("health", "--standalone")
	if !strings.Contains(out, "private, for this command\n") || !strings.Contains(out, " healthy") && !strings.Contains(out, " unknown") ||
		!strings.Contains(out, "  latency       avg ") || errs != "anna: no daemon asked: a private one runs inside this command\n" {
		t.Errorf("stdout:\n%sstderr:\n%s", out, errs)
	}
	out, errs = run("--json", "health", "--standalone")
	var m Metrics
	if err := json.Unmarshal([]byte(out), &m); err != nil || errs != "" {
		t.Fatalf("%v: stdout %q, stderr %q", err, out, errs)
	}
	if m.Level.Exit() != 0 || !m.Standalone || m.PID <= 0 || m.RPCLatency.Samples == 0 || *m.RPCLatency.P99 <= 0 || m.Memory.Current == nil || *m.Memory.Current <= 1 {
		t.Errorf("these are no measured figures: %s", out)
	}
	if list, err := os.ReadDir(temp); err != nil || len(list) > 0 {
		t.Errorf("%v stays (%v)", list, err)
	}
}

// TestStandalone runs it as whoever runs the tests.
func TestStandalone(t *testing.T) {
	temp := t.TempDir()
	standalone(t, []string{"TMPDIR=" + temp, "HOME=" + temp, "PATH=/usr/bin:/bin"}, temp, nil)
}

// TestStandaloneAsUser runs it as a user who owns nothing but a temporary
// directory.
func TestStandaloneAsUser(t *testing.T) {
	annatest.Require(t, annatest.Root)
	const nobody = 65534
	temp, err := os.MkdirTemp("", "anna-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	if err := os.Chown(temp, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	standalone(t, []string{"TMPDIR=" + temp, "HOME=" + temp, "PATH=/usr/bin:/bin"}, temp, &syscall.Credential{Uid: nobody, Gid: nobody})
}

// TestStandaloneInEmptyEnvironment runs it as a rescue shell or an init might:
// without a single variable. /tmp is then the place, which others use too.
func TestStandaloneInEmptyEnvironment(t *testing.T) {
	standalone(t, []string{}, t.TempDir(), nil)
}
