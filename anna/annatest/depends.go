package annatest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// DependsOn has the go command run the test again when a file at or below one
// of the paths, from the module's root, has changed. It keeps a test's result by
// the files that the test itself looked at; what a shell or a compiler reads for
// the test it does not see.
func DependsOn(t testing.TB, paths ...string) {
	t.Helper()
	root := RepoRoot(t)
	for _, path := range paths {
		err := filepath.WalkDir(filepath.Join(root, path), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
