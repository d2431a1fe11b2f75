package annatest

import (
	"os"
	"path/filepath"
	"testing"
)

// A Payload lays files into the directory that is copied over the machine's
// root file system before it boots.
type Payload func(t testing.TB, root string)

// Anna is the payload of an installed anna: the program under its three names
// and what dist/ holds, where a package puts them. Nothing is enabled or
// started; systemd makes the user and /run/anna at the boot.
func Anna(program string) Payload {
	return func(t testing.TB, root string) {
		t.Helper()
		dist := filepath.Join(RepoRoot(t), "dist")
		install := func(from, to string, mode os.FileMode) {
			text, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			layFile(t, root, to, text, mode)
		}
		install(program, "/usr/bin/anna", 0o755)
		for _, name := range []string{"annad", "annactl"} {
			if err := os.Symlink("anna", filepath.Join(root, "usr/bin", name)); err != nil {
				t.Fatal(err)
			}
		}
		install(filepath.Join(dist, "annad.service"), "/usr/lib/systemd/system/annad.service", 0o644)
		install(filepath.Join(dist, "annad.socket"), "/usr/lib/systemd/system/annad.socket", 0o644)
		install(filepath.Join(dist, "annad-netlink.socket"), "/usr/lib/systemd/system/annad-netlink.socket", 0o644)
		install(filepath.Join(dist, "anna.sysusers"), "/usr/lib/sysusers.d/anna.conf", 0o644)
		install(filepath.Join(dist, "anna.tmpfiles"), "/usr/lib/tmpfiles.d/anna.conf", 0o644)
	}
}

// File is the payload of one file, owned by root.
func File(path, text string, mode os.FileMode) Payload {
	return func(t testing.TB, root string) {
		t.Helper()
		layFile(t, root, path, []byte(text), mode)
	}
}

func layFile(t testing.TB, root, path string, text []byte, mode os.FileMode) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
}
