package telemetry

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	fileName = "anna.db"
	lockName = "anna.lock"
	// keepAside is how many damaged databases are kept; older ones go.
	keepAside = 3
)

var (
	errDirectory  = errors.New("the state directory cannot be used")
	errHeld       = errors.New("another process holds the state directory")
	errNotRegular = errors.New("it is not a regular file")
)

// A claim is the state directory, held for this process by a lock on a file in
// it. The lock file says "open" while the database is: when that word is
// there at the next start, the end was not clean.
type claim struct {
	dir   string
	lock  *os.File
	dirty bool
}

// claimDirectory makes and checks the directory and takes its lock. What lies
// in it must be reachable by nobody else, or a link could lead us elsewhere.
func claimDirectory(dir string) (*claim, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", dir, cause(err))
	}
	info, err := os.Stat(dir) // itself may be a link: systemd's DynamicUser makes it one
	if err != nil {
		return nil, fmt.Errorf("cannot look at %s: %w", dir, cause(err))
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok {
		return nil, fmt.Errorf("%w: %s is no directory", errDirectory, dir)
	}
	if int(st.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%w: %s belongs to uid %d, this is uid %d", errDirectory, dir, st.Uid, os.Geteuid())
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, fmt.Errorf("cannot make %s private: %w", dir, cause(err))
		}
	}
	return takeLock(dir)
}

func takeLock(dir string) (*claim, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, cause(err))
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("cannot use %s: %w", path, errNotRegular)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
	c := &claim{dir: dir, lock: f, dirty: info.Size() > 0}
	// A power cut may have eaten the word; a log that was not folded in tells
	// the same.
	if wal, err := os.Lstat(c.path() + "-wal"); err == nil && wal.Size() > 0 {
		c.dirty = true
	}
	return c, nil
}

func (c *claim) path() string { return filepath.Join(c.dir, fileName) }

// prepare makes the database file, private from its first moment, and refuses
// links and whatever else is no plain file, or not ours. It tells whether the
// file is new.
func (c *claim) prepare() (fresh bool, err error) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		info, err := os.Lstat(c.path() + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return false, fmt.Errorf("cannot look at %s: %w", c.path()+suffix, cause(err))
		case !info.Mode().IsRegular():
			return false, fmt.Errorf("cannot use %s: %w", c.path()+suffix, errNotRegular)
		case info.Mode().Perm()&0o077 != 0:
			if err := os.Chmod(c.path()+suffix, 0o600); err != nil {
				return false, fmt.Errorf("cannot make %s private: %w", c.path()+suffix, cause(err))
			}
		}
	}
	f, err := os.OpenFile(c.path(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, fmt.Errorf("cannot open %s: %w", c.path(), cause(err))
	}
	defer f.Close()
	return inspect(f)
}

// inspect reads the header of a database (https://www.sqlite.org/fileformat.html,
// 1.3) before SQLite sees the file, so that what is not ours is left untouched.
func inspect(f *os.File) (fresh bool, err error) {
	var head [72]byte
	n, err := f.ReadAt(head[:], 0)
	if n == 0 && errors.Is(err, io.EOF) {
		return true, nil
	}
	if n < len(head) || string(head[:16]) != "SQLite format 3\x00" {
		return false, nil // damage; SQLite will say so
	}
	version, app := binary.BigEndian.Uint32(head[60:]), binary.BigEndian.Uint32(head[68:])
	switch {
	case app != 0 && app != applicationID:
		return false, errForeign
	case app == applicationID && int64(version) > int64(len(migrations)):
		return false, fmt.Errorf("%w: schema version %d, known are up to %d", errNewer, version, len(migrations))
	}
	return false, nil
}

// mark says that the database is open.
func (c *claim) mark() error {
	_, err := c.lock.WriteAt([]byte("open\n"), 0)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", lockName, cause(err))
	}
	return nil
}

// release gives the directory back; clean says that the database was closed.
func (c *claim) release(clean bool) {
	if clean {
		_ = c.lock.Truncate(0) // left marked, the next start only checks more
	}
	c.lock.Close()
}

// setAside moves the database and its companions to a dated name and returns
// it.
func (c *claim) setAside(now time.Time) (string, error) {
	stamp := c.path() + ".damaged-" + now.UTC().Format("20060102T150405Z")
	to := stamp
	for i := 2; ; i++ {
		if _, err := os.Lstat(to); err != nil { // free, or not to be seen: the move says what is wrong then
			break
		}
		to = fmt.Sprintf("%s.%d", stamp, i)
	}
	if err := os.Rename(c.path(), to); err != nil {
		return "", fmt.Errorf("cannot set %s aside: %w", c.path(), cause(err))
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		err := os.Rename(c.path()+suffix, to+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("cannot set %s aside: %w", c.path()+suffix, cause(err))
		}
	}
	c.forgetOld()
	return to, nil
}

// forgetOld removes all but the newest databases that were set aside.
func (c *claim) forgetOld() {
	names, _ := filepath.Glob(c.path() + ".damaged-*")
	names = slices.DeleteFunc(names, func(n string) bool {
		return strings.HasSuffix(n, "-wal") || strings.HasSuffix(n, "-shm") || strings.HasSuffix(n, "-journal")
	})
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(mtime(a), mtime(b)), strings.Compare(a, b)) })
	for _, name := range names[:max(0, len(names)-keepAside)] {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			_ = os.Remove(name + suffix)
		}
	}
}

func mtime(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixNano()
}

// cause strips the call and the path of an error; the caller names the object.
func cause(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	switch {
	case errors.As(err, &pe):
		return pe.Err
	case errors.As(err, &le):
		return le.Err
	}
	return err
}
