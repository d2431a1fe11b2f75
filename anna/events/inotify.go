package events

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A dirWatch is an inotify(7) instance that watches names in directories. It
// is used directly because the end of a writer (IN_CLOSE_WRITE) is what the
// sources wait for, and the portable libraries hide it.
type dirWatch struct {
	f    *os.File
	dirs map[int32]*watchedDir
	buf  []byte
}

type watchedDir struct {
	path  string
	names map[string]bool // nil: every name
}

// A dirNotice is one notice about a name that is watched.
type dirNotice struct {
	dir, name string
	mask      uint32
}

// dirChanges leaves out IN_MODIFY: a file that is being written wakes nobody.
const dirChanges = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_CLOSE_WRITE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

func newDirWatch() (*dirWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot watch files: inotify_init1: %w", err)
	}
	return &dirWatch{
		f: os.NewFile(uintptr(fd), "inotify"), dirs: map[int32]*watchedDir{},
		buf: make([]byte, 16*(unix.SizeofInotifyEvent+unix.NAME_MAX+1)),
	}, nil
}

func (w *dirWatch) close() { _ = w.f.Close() }

// watch watches names in dir, every name when none is given. Where dir does
// not exist, the next part of its path is watched in what exists of it.
func (w *dirWatch) watch(dir string, names ...string) error {
	for {
		var raw error
		wd := -1
		err := w.control(func(fd int) { wd, raw = unix.InotifyAddWatch(fd, dir, dirChanges) })
		if err == nil {
			err = raw
		}
		switch {
		case err == nil:
			w.want(int32(wd), dir, names)
			return nil
		case (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)) && dir != "/" && dir != ".":
			dir, names = filepath.Dir(dir), []string{filepath.Base(dir)}
		default:
			return fmt.Errorf("cannot watch %s: %w", dir, err)
		}
	}
}

func (w *dirWatch) control(f func(fd int)) error {
	raw, err := w.f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

func (w *dirWatch) want(wd int32, dir string, names []string) {
	d := w.dirs[wd]
	if d == nil { // it may be known under another path, through a link
		d = &watchedDir{path: dir, names: map[string]bool{}}
		w.dirs[wd] = d
	}
	if len(names) == 0 {
		d.names = nil
	}
	for _, name := range names {
		if d.names != nil {
			d.names[name] = true
		}
	}
}

// next waits for notices that matter. lost says that the kernel dropped some.
// After deadline (zero: none) the error is os.ErrDeadlineExceeded.
func (w *dirWatch) next(deadline time.Time) (notices []dirNotice, lost bool, err error) {
	if err := w.f.SetReadDeadline(deadline); err != nil {
		return nil, false, err
	}
	for len(notices) == 0 && !lost {
		n, err := w.f.Read(w.buf)
		if err != nil {
			return nil, false, err
		}
		notices, lost = w.parse(w.buf[:n])
	}
	return notices, lost, nil
}

// interrupt makes next return at once, from another goroutine.
func (w *dirWatch) interrupt() { _ = w.f.SetReadDeadline(time.Unix(1, 0)) }

// parse reads struct inotify_event; what matters to nobody is left out.
func (w *dirWatch) parse(b []byte) (notices []dirNotice, lost bool) {
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		length := int64(binary.NativeEndian.Uint32(b[12:]))
		b = b[unix.SizeofInotifyEvent:]
		if length > int64(len(b)) {
			return notices, true // cannot be; read everything again
		}
		name, _, _ := bytes.Cut(b[:length], []byte{0})
		b = b[length:]
		d := w.dirs[wd]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			lost = true
		case d == nil:
		case mask&unix.IN_IGNORED != 0: // the directory went
			delete(w.dirs, wd)
		case mask&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0:
			w.drop(wd)
			notices = append(notices, dirNotice{d.path, "", mask})
		case d.names == nil || d.names[string(name)]:
			notices = append(notices, dirNotice{d.path, string(name), mask})
		}
	}
	return notices, lost
}

// drop ends a watch whose directory has another name now.
func (w *dirWatch) drop(wd int32) {
	delete(w.dirs, wd)
	_ = w.control(func(fd int) { _, _ = unix.InotifyRmWatch(fd, uint32(wd)) })
}
