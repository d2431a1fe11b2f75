package events

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// A packageDB is one manager's database under a root.
type packageDB interface {
	// name is the manager's.
	name() string
	// watch watches what tells of changes.
	watch(w *dirWatch) error
	// stamp is another whenever the content may be another; "" is no database.
	stamp() string
	// read returns the packages by name. known is what is known of a package
	// from before, to be spared reading it again.
	read(known func(name string) *Package) (map[string]Package, error)
	// locks are the lock files, and whether each locks by merely existing.
	locks() (paths []string, byExisting bool)
}

// packageDBs are the databases that may be under a root. rpm comes last: it is
// looked at where no other is, for it is a mere tool on other systems.
func packageDBs(root string) []packageDB {
	return []packageDB{
		newDpkgDB(filepath.Join(root, "var/lib/dpkg")),
		&pacmanDB{dir: filepath.Join(root, "var/lib/pacman")},
		&apkDB{dirs: []string{filepath.Join(root, "lib/apk/db"), filepath.Join(root, "usr/lib/apk/db")}},
		&rpmDB{dirs: []string{filepath.Join(root, "var/lib/rpm"), filepath.Join(root, "usr/lib/sysimage/rpm")}},
	}
}

// Bounds on what a database can be.
const (
	maxPackages    = 100_000
	maxPackageWord = 512 // bytes of a name, a version, an architecture
	maxDatabase    = 1 << 30
)

var errTooMany = fmt.Errorf("more than %d packages", maxPackages)

// checkPackage refuses what no manager would have written.
func checkPackage(name string, p *Package) error {
	for _, word := range []string{name, p.Version, p.Arch, p.State} {
		if len(word) > maxPackageWord {
			return errors.New("a name or version that is too long")
		}
		if strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return fmt.Errorf("a name or version with blanks: %.80q", word)
		}
	}
	if name == "" || p.Version == "" {
		return fmt.Errorf("a package without a name or a version: %.80q", name+p.Version)
	}
	if strings.Contains(name, "/") {
		return fmt.Errorf("a package with a slash in its name: %.80q", name)
	}
	return nil
}

// readLine reads one line with its end. Of a line that is longer than the
// reader's buffer it returns what fits there and passes over the rest: only
// lists (dependencies, files) are so long, and nothing is taken from them. What
// it returns holds until the next call.
func readLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	line = bytes.Clone(line) // the buffer is used again for the rest
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = lines.ReadSlice('\n')
	}
	return line, err
}
