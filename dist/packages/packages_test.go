// Package packages_test builds the packages and looks into them with the
// package managers' own programs.
package packages_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// inspect tells what a package holds: who and what it says it is, its files
// with mode, owner and target, and the scripts that it runs.
var inspect = map[string]string{
	"deb": `dpkg-deb --field "$1"
		dpkg-deb --fsys-tarfile "$1" | tar --numeric-owner -tvf -
		mkdir control && dpkg-deb --control "$1" control && cd control && rm control md5sums && tail -n +1 -- *`,
	"rpm": `rpm -qp --qf '%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{LICENSE}\n[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES} %{FILELINKTOS}\n]' "$1"
		rpm -qp --configfiles "$1"; rpm -qp --scripts "$1"`,
	"archlinux": `tar --zstd --numeric-owner -tvf "$1"; tar --zstd -xOf "$1" .PKGINFO .INSTALL`,
	"apk":       `tar --warning=no-unknown-keyword --numeric-owner -tvzf "$1"; tar --warning=no-unknown-keyword -xOzf "$1" .PKGINFO`,
}

// Sizes, times and sums are those of a build.
var ofABuild = regexp.MustCompile(`(?m)^([dl-][rwxst-]{9} [0-9]+/[0-9]+) +\d+ \d{4}-\d\d-\d\d \d\d:\d\d |^(Installed-Size: |size = |builddate = |datahash = |SOURCE_DATE_EPOCH).*`)

func build(t *testing.T, words ...string) string {
	t.Helper()
	root := annatest.RepoRoot(t)
	annatest.DependsOn(t, "go.mod", "main.go", "anna", "applets", "dist", "scripts")
	t.Setenv("PATH", filepath.Join(root, ".tools")+":"+os.Getenv("PATH"))
	annatest.Require(t, annatest.Oracle, "nfpm", "dpkg-deb", "rpm", "tar", "zstd")
	out := t.TempDir()
	cmd := exec.Command(filepath.Join(root, "scripts/package.sh"), append([]string{"--version", "0.12.7-pre", "--out", out}, words...)...)
	// What a checkout may lack, and what must not depend on the place.
	cmd.Env = append(os.Environ(), "ANNA_COMMIT=0123456789abcdef", "SOURCE_DATE_EPOCH=1700000000", "TMPDIR="+t.TempDir())
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the packages: %v\n%s", err, text)
	}
	return out
}

func TestPackages(t *testing.T) {
	out := build(t)
	files, err := filepath.Glob(out + "/*")
	if err != nil || len(files) != len(inspect) {
		t.Fatalf("built %q, %v", files, err)
	}
	formats := map[string]string{".deb": "deb", ".rpm": "rpm", ".zst": "archlinux", ".apk": "apk"}
	for _, file := range files {
		format := formats[filepath.Ext(file)]
		cmd := exec.Command("sh", "-ec", inspect[format], "sh", file)
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", format, err, text)
		}
		text = ofABuild.ReplaceAll(text, []byte("$1 "))
		annatest.Golden(t, "testdata/packages/"+format+".txt", append([]byte(filepath.Base(file)+"\n"), text...))
	}

	again, err := filepath.Glob(build(t) + "/*")
	if err != nil || len(again) != len(files) {
		t.Fatalf("built %q, %v", again, err)
	}
	for i := range files {
		if a, b := sum(t, files[i]), sum(t, again[i]); a != b {
			t.Errorf("%s: two builds differ: %s, %s", filepath.Base(files[i]), a, b)
		}
	}

	// Installed for real, where a root of its own is enough.
	annatest.Require(t, annatest.Root)
	annatest.Require(t, annatest.Oracle, "pacman")
	for _, file := range files {
		root := t.TempDir()
		var cmd *exec.Cmd
		switch formats[filepath.Ext(file)] {
		case "archlinux":
			if err := os.MkdirAll(filepath.Join(root, "var/lib/pacman"), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd = exec.Command("pacman", "--root", root, "--config", "/dev/null", "--noconfirm", "--noscriptlet", "-U", file)
		case "rpm":
			cmd = exec.Command("rpm", "--root", root, "--nodeps", "--noscripts", "--nosignature", "-i", file)
		default: // deb: in the lab, with systemd; apk: no apk here
			continue
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", cmd.Args, err, text)
		}
		var version bytes.Buffer
		run := exec.Command(filepath.Join(root, "usr/bin/annactl"), "--version")
		run.Stdout = &version
		if err := run.Run(); err != nil || !strings.Contains(version.String(), "0.12.7-pre (0123456789ab, 2023-11-14)") {
			t.Errorf("%s, installed: %v, says %q", filepath.Base(file), err, version.String())
		}
	}
}

func sum(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}
