package annatest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// RepoRoot returns the repository's root, wherever the test's package lies in it.
func RepoRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("cannot find the repository's root: no go.mod above the test")
		}
		dir = up
	}
}

// Golden compares a text with the file that says how it must be; the path is
// relative to the repository's root. Under ANNA_UPDATE_GOLDEN=1 it writes the
// file instead: look at the difference before you commit it.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	file := filepath.Join(RepoRoot(t), path)
	if os.Getenv("ANNA_UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (ANNA_UPDATE_GOLDEN=1 go test writes it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s is not what the code says (-want +got); ANNA_UPDATE_GOLDEN=1 go test writes it:\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

// GoldenSection holds a generated part of a document that people wrote: what
// stands between the lines "<!-- NAME -->" and "<!-- end NAME -->".
func GoldenSection(t testing.TB, path, name string, got []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(RepoRoot(t), path))
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- end "+name+" -->\n")
	before, rest, found := bytes.Cut(text, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no section between %q and %q", path, begin, end)
	}
	whole := slices.Concat(before, begin, bytes.TrimRight(got, "\n"), []byte("\n"), end, after)
	Golden(t, path, whole)
}
