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

// TestInstalled holds that the smoke test passes where install.sh put it, below
// a prefix, and that a later install.sh and --uninstall leave nothing behind.
func TestInstalled(t *testing.T) {
	annatest.DependsOn(t, "scripts", "dist")
	// install.sh takes the program from the checkout that it lies in.
	checkout, prefix := t.TempDir(), t.TempDir()
	annatest.Run(t, "sh", "-ec", `cp -R "$1/scripts" "$1/dist" "$2" && mkdir "$2/.bin" && cp "$3" "$2/.bin/anna"`,
		"sh", annatest.RepoRoot(t), checkout, filepath.Join(annatest.Build(t), "anna"))
	install := func(words ...string) {
		annatest.Run(t, filepath.Join(checkout, "scripts/install.sh"), append(words, "--destdir", prefix, "--prefix", "/opt/anna")...)
	}
	old := filepath.Join(checkout, "scripts/btrfs/of-old.sh")
	if err := os.WriteFile(old, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	install()
	placed := filepath.Join(prefix, "opt/anna/lib/anna/btrfs/of-old.sh")
	if _, err := os.Stat(placed); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(old); err != nil {
		t.Fatal(err)
	}
	install() // a newer version, which has it no more
	if _, err := os.Stat(placed); err == nil {
		t.Error("what the version before had is still there")
	}
	out, err := exec.Command(filepath.Join(prefix, "opt/anna/lib/anna/verify.sh"), "--standalone", "--anna", filepath.Join(prefix, "opt/anna/bin/anna")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), " - v0.12.6: the pacman hook is there\n") {
		t.Errorf("%v\n%s", err, out)
	}
	install("--uninstall")
	if left, err := filepath.Glob(filepath.Join(prefix, "opt/anna/*/*")); err != nil || len(left) > 0 {
		t.Errorf("--uninstall left %v, %v", left, err)
	}
}

// TestVerifyLoneTop holds that a file system without a subvolume has a tree,
// too.
func TestVerifyLoneTop(t *testing.T) {
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Btrfs)
	annatest.DependsOn(t, "scripts/verify.sh")
	disk := annatest.NewDisk(t, []int64{256 << 20})
	out := annatest.Run(t, "unshare", "--mount", "sh", "-c", `
		for point in $(findmnt -rnt btrfs -o TARGET); do
			# Another test may have unmounted its own meanwhile.
			[ "$point" = "$2" ] || umount "$point" || ! findmnt -rn -M "$point" || exit
		done
		sh verify.sh --standalone --anna "$1" || :`, "sh", filepath.Join(annatest.Build(t), "anna"), disk.Dir)
	if !regexp.MustCompile(`(?m)^ok \d+ - the tree shows the hierarchy$`).MatchString(out) {
		t.Errorf("%s", out)
	}
}

// TestVerify holds that the smoke test passes against a daemon of its own and
// against none, that its plan is true, and that it fails where it should.
func TestVerify(t *testing.T) {
	annatest.DependsOn(t, "scripts/verify.sh")
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
	// A daemon that does not start: why, and nothing else.
	out, err = verify("--fresh", "--anna", "/bin/false")
	if err == nil || !strings.Contains(out, "Bail out! the daemon did not start") || strings.Contains(out, "ok 1") {
		t.Errorf("of /bin/false: %v\n%s", err, out)
	}
	if out, err := verify("--frsh"); err == nil || !strings.Contains(out, "unknown word") {
		t.Errorf("%v\n%s", err, out)
	}
}
