package anna_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestNewUserOnSystemd does what docs/INSTALL.md tells a new user, line by
// line, in a clean machine: install, understand the first finding, use it, and
// take it away; and tries the installed anna with the smoke test.
func TestNewUserOnSystemd(t *testing.T) {
	root := annatest.RepoRoot(t)
	page, err := os.ReadFile(filepath.Join(root, "docs/INSTALL.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "<!-- try -->\n```sh\n")
	block, _, found := strings.Cut(rest, "```\n<!-- end try -->")
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if !found || len(lines) > 10 {
		t.Fatalf("docs/INSTALL.md has no block to try of at most ten lines: %d", len(lines))
	}
	verify, err := os.ReadFile(filepath.Join(root, "scripts/verify.sh"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, ".tools")+":"+os.Getenv("PATH"))
	annatest.Require(t, annatest.Oracle, "nfpm")
	deb := func(t testing.TB, machine string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(root, "scripts/package.sh"), "--out", filepath.Join(machine, "root/downloads"), "deb")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cannot build the package: %v\n%s", err, text)
		}
	}
	lab := annatest.Lab(t, deb, annatest.File("/root/verify.sh", string(verify), 0o755))
	for _, line := range lines {
		command, _, _ := strings.Cut(line, " #")
		command = strings.ReplaceAll(strings.TrimSpace(command), "$USER", "alice")
		if strings.Contains(command, "--purge") {
			if out, errs, exit := lab.Run("sh", "/root/verify.sh"); exit != 0 || strings.Count(out, "\nok ") < 40 {
				t.Errorf("verify.sh: status %d\n%s%s", exit, out, errs)
			}
		}
		words := []string{"sh", "-c", command}
		run := func() (string, string, int) { return lab.RunAs("alice", words...) }
		if asRoot, ok := strings.CutPrefix(command, "sudo "); ok {
			words[2] = "cd /root/downloads && " + asRoot
			run = func() (string, string, int) { return lab.Run(words...) }
		}
		out, errs, exit := run()
		switch {
		case command == "annactl doctor":
			if exit == 0 || !strings.Contains(out, "sudo usermod -aG anna alice") {
				t.Errorf("the first finding: status %d\n%s%s", exit, out, errs)
			}
		case exit != 0:
			t.Errorf("%s: status %d\n%s%s", command, exit, out, errs)
		}
	}
	if out, _, _ := lab.Run("sh", "-c", "command -v annactl; ls -d /var/lib/anna /etc/anna"); out != "" {
		t.Errorf("after the purge there is:\n%s", out)
	}
}
