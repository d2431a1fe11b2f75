package events

import (
	"errors"
	"path/filepath"
	"strings"
)

const rpmName = "rpm"

// An rpmDB is the database of rpm, which is a database in the full sense
// (SQLite, ndb or Berkeley DB, by age): it is not read, only seen to change.
type rpmDB struct{ dirs []string }

// rpmFiles are the databases in their formats; the log of SQLite counts as
// long as there is something in it.
var rpmFiles = []string{"rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"}

func (d *rpmDB) name() string { return rpmName }

func (d *rpmDB) dir() string {
	for _, dir := range d.dirs {
		for _, name := range rpmFiles {
			if stampOf(filepath.Join(dir, name)) != "" {
				return dir
			}
		}
	}
	return d.dirs[0]
}

func (d *rpmDB) watch(w *dirWatch) (err error) {
	for _, dir := range d.dirs {
		err = errors.Join(err, w.watch(dir, append([]string{".rpm.lock"}, rpmFiles...)...))
	}
	return err
}

func (d *rpmDB) locks() ([]string, bool) { return []string{filepath.Join(d.dir(), ".rpm.lock")}, false }

func (d *rpmDB) stamp() string {
	dir := d.dir()
	var stamps []string
	for _, name := range rpmFiles {
		stamp := stampOf(filepath.Join(dir, name))
		if stamp == "" || name == "rpmdb.sqlite-wal" && strings.Split(stamp, ":")[2] == "0" {
			continue
		}
		stamps = append(stamps, stamp)
	}
	return strings.Join(stamps, ",")
}

func (d *rpmDB) read(func(string) *Package) (map[string]Package, error) {
	return map[string]Package{"database": {Version: d.stamp()}}, nil
}
