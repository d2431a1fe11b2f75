package events

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// An apkDB is the file installed in /lib/apk/db, or since apk-tools 3 in
// /usr/lib/apk/db (apk-installed(5)). apk puts it there whole, once in a
// transaction.
type apkDB struct{ dirs []string }

func (d *apkDB) name() string { return "apk" }

// dir is where the database is, by default the older place.
func (d *apkDB) dir() string {
	for _, dir := range d.dirs {
		if stampOf(filepath.Join(dir, "installed")) != "" {
			return dir
		}
	}
	return d.dirs[0]
}

func (d *apkDB) watch(w *dirWatch) (err error) {
	for _, dir := range d.dirs {
		err = errors.Join(err, w.watch(dir, "installed", "lock"))
	}
	return err
}

func (d *apkDB) locks() ([]string, bool) { return []string{filepath.Join(d.dir(), "lock")}, false }

func (d *apkDB) stamp() string { return stampOf(filepath.Join(d.dir(), "installed")) }

func (d *apkDB) read(func(string) *Package) (map[string]Package, error) {
	path := filepath.Join(d.dir(), "installed")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := parseInstalled(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// parseInstalled reads stanzas of lines "X:value"; most of them are lists of
// files.
func parseInstalled(r io.Reader) (map[string]Package, error) {
	all := map[string]Package{}
	lines := bufio.NewReaderSize(io.LimitReader(r, maxDatabase), 64<<10)
	var name string
	var p Package
	arch := "" // mostly one: held once
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		line = bytes.TrimRight(line, "\n")
		end := err != nil
		bad := error(nil)
		switch {
		case len(line) == 0:
		case len(line) < 2 || line[1] != ':':
			bad = fmt.Errorf("no field: %.40q", line)
		case line[0] == 'P':
			name = string(line[2:])
		case line[0] == 'V':
			p.Version = string(line[2:])
		case line[0] == 'A':
			if arch != string(line[2:]) {
				arch = string(line[2:])
			}
			p.Arch = arch
		}
		if bad == nil && (len(line) == 0 || end) && (name != "" || p != Package{}) {
			if bad = checkPackage(name, &p); bad == nil {
				all[name] = p
			}
			if len(all) > maxPackages {
				bad = errTooMany
			}
			name, p = "", Package{}
		}
		if bad != nil {
			return nil, fmt.Errorf("line %d: %w", number, bad)
		}
		if end {
			return all, nil
		}
	}
}
