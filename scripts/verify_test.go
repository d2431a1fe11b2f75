// Package scripts_test runs the scripts beside it.
package scripts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// TestVerify holds that the smoke test passes against a daemon of its own and
// against none, that its plan is true, and that it fails where it should.
func TestVerify(t *testing.T) {
	anna := filepath.Join(annatest.Build(t), "anna")
	verify := func(words ...string) (string, error) {
		cmd := exec.Command("sh", append([]string{"verify.sh"}, words...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, mode := range []string{"--fresh", "--standalone"} {
		out, err := verify(mode, "--anna", anna)
		if err != nil {
			t.Fatalf("%s: %v\n%s", mode, err, out)
		}
		oks := regexp.MustCompile(`(?m)^ok \d+ - `).FindAllString(out, -1)
		plan := out[strings.LastIndex(out, "\n1..")+1:]
		if want := oks[len(oks)-1]; len(oks) < 40 || !strings.HasPrefix(want, "ok "+strings.TrimSpace(strings.TrimPrefix(plan, "1.."))+" ") {
			t.Errorf("%s: %d checks, the last is %q, the plan %q", mode, len(oks), want, plan)
		}
	}
	// A program that says what no anna says.
	out, err := verify("--standalone", "--anna", "/bin/echo")
	if err == nil || !strings.Contains(out, "not ok 2 - health returns metrics") {
		t.Errorf("of /bin/echo: %v\n%s", err, out)
	}
	if out, err := verify("--frsh"); err == nil || !strings.Contains(out, "unknown word") {
		t.Errorf("%v\n%s", err, out)
	}
}
