package anna_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestSecurityPage holds that every test that docs/SECURITY.md names as a
// boundary's proof is there.
func TestSecurityPage(t *testing.T) {
	root := annatest.RepoRoot(t)
	text, err := os.ReadFile(filepath.Join(root, "docs/SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- boundaries -->")
	table, _, found := strings.Cut(rest, "<!-- end boundaries -->")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if !found || len(rows) < 10 {
		t.Fatal("docs/SECURITY.md has no table of boundaries")
	}
	there := tests(t, root)
	name := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	for _, row := range rows[2:] {
		names := name.FindAllStringSubmatch(row, -1)
		if len(names) == 0 {
			t.Errorf("a boundary without a test: %s", row)
		}
		for _, n := range names {
			if !there[n[1]] {
				t.Errorf("there is no %s: %s", n[1], row)
			}
		}
	}
}

// tests are the names of every test of the module.
func tests(t *testing.T, root string) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// TestSandbox holds what systemd itself says of the units: that it understands
// every line, and how exposed the services are, in tenths.
func TestSandbox(t *testing.T) {
	annatest.Require(t, annatest.Oracle, "systemd-analyze")
	dist := filepath.Join(annatest.RepoRoot(t), "dist")
	// verify wants to see the executables that a unit names.
	dir := t.TempDir()
	lay := func(from, to string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dist, from))
		if err != nil {
			t.Fatal(err)
		}
		text = regexp.MustCompile(`(?m)^(Exec[A-Za-z]+=)/usr/bin/anna[a-z]*.*`).ReplaceAll(text, []byte("$1/bin/true"))
		path := filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	socket := lay("annad.socket", "annad.socket")
	netlink := lay("annad-netlink.socket", "annad-netlink.socket")
	service := lay("annad.service", "annad.service")
	if out, err := exec.Command("systemd-analyze", "verify", socket, netlink, service).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	exposed := func(limit string) {
		t.Helper()
		if out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+limit, service).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze security: %v\n%s", err, out)
		}
	}
	exposed("5")
	btrfs := lay("annad.service.d/btrfs.conf", "annad.service.d/btrfs.conf")
	exposed("19")
	// For a container that lets systemd mount nothing; elsewhere the sandbox is
	// as tight with it.
	if err := os.Remove(btrfs); err != nil {
		t.Fatal(err)
	}
	lay("annad.service.d/container.conf", "annad.service.d/container.conf")
	if out, err := exec.Command("systemd-analyze", "verify", socket, netlink, service).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	exposed("5")
}
