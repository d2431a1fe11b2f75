package events

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A pacmanDB is /var/lib/pacman: of each package a directory NAME-VERSION-REL
// in local/, and in it a file desc.
type pacmanDB struct{ dir string }

func (d *pacmanDB) name() string  { return "pacman" }
func (d *pacmanDB) local() string { return filepath.Join(d.dir, "local") }

func (d *pacmanDB) watch(w *dirWatch) error {
	return errors.Join(w.watch(d.dir, "local", "db.lck"), w.watch(d.local()))
}

func (d *pacmanDB) locks() ([]string, bool) {
	return []string{filepath.Join(d.dir, "db.lck")}, true
}

func (d *pacmanDB) stamp() string { return stampOf(d.local()) }

func (d *pacmanDB) read(known func(string) *Package) (map[string]Package, error) {
	f, err := os.Open(d.local())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := map[string]Package{}
	for {
		entries, err := f.ReadDir(1000)
		for _, entry := range entries {
			if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
				continue // ALPM_DB_VERSION
			}
			name, version, ok := splitPacman(entry.Name())
			if !ok {
				return nil, fmt.Errorf("%s: no package entry: %.80q", d.local(), entry.Name())
			}
			p := known(name)
			if p == nil || p.Version != version {
				if p, err = readDesc(filepath.Join(d.local(), entry.Name(), "desc"), name, version); err != nil {
					return nil, err
				}
			}
			if err := checkPackage(name, p); err != nil {
				return nil, fmt.Errorf("%s: %w", d.local(), err)
			}
			// Of an upgrade that was killed both versions are there.
			if other, twice := all[name]; !twice || compareVersions(d.name(), other.Version, p.Version) < 0 {
				all[name] = *p
			}
			if len(all) > maxPackages {
				return nil, errTooMany
			}
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// splitPacman cuts NAME-VERSION-REL at the second dash from the end.
func splitPacman(entry string) (name, version string, ok bool) {
	i := strings.LastIndexByte(entry, '-')
	if i > 0 {
		i = strings.LastIndexByte(entry[:i], '-')
	}
	if i <= 0 {
		return "", "", false
	}
	return entry[:i], entry[i+1:], true
}

// readDesc reads the architecture, and holds the file to its directory's name.
// A directory without the file is what a killed pacman leaves.
func readDesc(path, name, version string) (*Package, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return &Package{Version: version, State: "without-desc"}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	desc, err := parseDesc(f)
	switch {
	case err != nil:
	case desc["NAME"] == "" || desc["VERSION"] == "":
		return &Package{Version: version, State: "without-desc"}, nil
	case desc["NAME"] != name || desc["VERSION"] != version:
		err = fmt.Errorf("it is that of %.80q %.80q", desc["NAME"], desc["VERSION"])
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Package{Version: version, Arch: desc["ARCH"]}, nil
}

// maxDesc bounds what is read of one file.
const maxDesc = 4 << 20

// parseDesc returns the first line of the fields NAME, VERSION and ARCH.
func parseDesc(r io.Reader) (map[string]string, error) {
	fields := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(r, maxDesc))
	lines.Buffer(make([]byte, 0, 4096), maxDesc)
	field := ""
	for len(fields) < 3 && lines.Scan() {
		line := lines.Text()
		switch {
		case len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%':
			field = line[1 : len(line)-1]
		case line == "":
			field = ""
		case field == "NAME" || field == "VERSION" || field == "ARCH":
			fields[field] = line
			field = ""
		}
	}
	return fields, lines.Err()
}
