package annatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	buildOnce sync.Once
	buildDir  string
	buildErr  error
	buildLog  []byte
)

// Build builds the real executable, once for a test process, and returns a
// directory that holds it under its three names: anna, annad and annactl. The
// caller removes nothing; RemoveBuild, in a TestMain, does.
func Build(t testing.TB) string {
	t.Helper()
	root := RepoRoot(t)
	buildOnce.Do(func() {
		DependsOn(t, "go.mod", "main.go", "anna", "applets")
		if buildDir, buildErr = os.MkdirTemp("", "anna-build-"); buildErr != nil {
			return
		}
		// As scripts/package.sh builds it: it runs on any libc and starts sooner.
		cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "urfave_cli_no_docs", "-o", filepath.Join(buildDir, "anna"), ".")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if buildLog, buildErr = cmd.CombinedOutput(); buildErr != nil {
			return
		}
		for _, name := range []string{"annad", "annactl"} {
			if buildErr = os.Symlink("anna", filepath.Join(buildDir, name)); buildErr != nil {
				return
			}
		}
		// Tests run it as other users, too.
		buildErr = os.Chmod(buildDir, 0o755)
	})
	if buildErr != nil {
		t.Fatalf("cannot build anna: %v\n%s", buildErr, buildLog)
	}
	return buildDir
}

// RemoveBuild removes what Build left.
func RemoveBuild() {
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
}

// BuildStatic builds a Go program without cgo, so that it runs in a machine
// with other libraries, and returns the path of the executable.
func BuildStatic(t testing.TB, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", out, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", pkg, err, text)
	}
	return out
}
