package telemetry

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A Kind names what is wrong with the store.
type Kind string

// The kinds of trouble.
const (
	Damaged   Kind = "damaged"   // a database was damaged and set aside
	Locked    Kind = "locked"    // another process holds it
	Full      Kind = "full"      // the disk, or the allowed size, is full
	ReadOnly  Kind = "readonly"  // it cannot be written
	Directory Kind = "directory" // the state directory cannot be used
	Newer     Kind = "newer"     // a newer anna wrote it
	Foreign   Kind = "foreign"   // the file is not ours
	Failing   Kind = "failing"   // any other error of the disk or of SQLite
	Losing    Kind = "losing"    // history was given up for the bound on memory
)

// Trouble says what is wrong, why, and what to do about it.
type Trouble struct {
	Kind  Kind
	What  string // a sentence
	Why   string // the cause
	Fix   string // what to do next
	Since time.Time
}

// sqliteCode returns SQLite's primary result code, 0 for another error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// damaged tells whether an error means that the file's content is broken. A
// missing table counts: the version says that it is there.
func damaged(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT,
		sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_INTERNAL:
		return true
	}
	return errors.Is(err, errCheck)
}

// kindOf tells troubles apart by their cause.
func kindOf(err error) Kind {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return Locked
	case sqlite3.SQLITE_FULL:
		return Full
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return ReadOnly
	}
	switch {
	case errors.Is(err, errHeld):
		return Locked
	case errors.Is(err, errNewer):
		return Newer
	case errors.Is(err, errForeign), errors.Is(err, errNotRegular):
		return Foreign
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Full
	case errors.Is(err, syscall.EROFS):
		return ReadOnly
	case errors.Is(err, errDirectory), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENOENT):
		return Directory
	case damaged(err):
		return Damaged
	}
	return Failing
}

// troubleOf explains why the database is not written.
func troubleOf(err error, dir string, since time.Time) Trouble {
	t := Trouble{
		Kind: kindOf(err), Why: err.Error(), Since: since,
		What: "The history is kept in memory only, for " + dir + " cannot be written.",
	}
	switch t.Kind {
	case Locked:
		t.Fix = "End the other process that uses the database: fuser -v " + dir + "/" + fileName
	case Full:
		t.Fix = "Free space on the file system: df -h " + dir
	case ReadOnly:
		t.Fix = "Look whether the file system turned read-only, and at the rights: findmnt -T " + dir + "; ls -la " + dir
	case Directory:
		t.Fix = "Give the directory to the daemon's user with mode 0700: ls -ld " + dir
	case Newer:
		t.Fix = "Upgrade anna again, or move " + dir + "/" + fileName + " away."
	case Foreign:
		t.Fix = "Move " + dir + "/" + fileName + " away; it is left as it is."
	default:
		t.Fix = "Look at the kernel's log for errors of the disk: journalctl -k -p err"
	}
	return t
}

func setAsideTrouble(cause error, path string, now time.Time) Trouble {
	return Trouble{
		Kind: Damaged, Since: now,
		What: "The history was damaged; it was set aside and a new one begun.",
		Why:  cause.Error(),
		Fix:  fmt.Sprintf("Nothing has to be done. To look at what it holds: sqlite3 %s .recover; delete it when it is not wanted.", path),
	}
}
