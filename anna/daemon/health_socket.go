package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A socketFile is the socket's file as the daemon found it when it began to
// listen.
type socketFile struct {
	path  string
	mu    sync.Mutex // of what follows
	first unix.Statx_t
	err   error
	// inMemory: a look at it cannot wait for a disk or another machine.
	inMemory bool
}

func newSocketFile(d *Daemon) *socketFile {
	f := &socketFile{path: d.Socket}
	f.err = f.stat(&f.first)
	var sort unix.Statfs_t
	f.inMemory = unix.Statfs(filepath.Dir(f.path), &sort) == nil && sort.Type == unix.TMPFS_MAGIC
	return f
}

// stat looks at the file. In memory, as /run is, it passes the Go runtime by:
// see beat.
func (f *socketFile) stat(st *unix.Statx_t) error {
	const follow, want = unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS
	if !f.inMemory {
		return unix.Statx(unix.AT_FDCWD, f.path, follow, want, st)
	}
	path, err := unix.BytePtrFromString(f.path)
	if err != nil {
		return err
	}
	here := unix.AT_FDCWD
	_, _, errno := unix.RawSyscall6(unix.SYS_STATX, uintptr(here), uintptr(unsafe.Pointer(path)), follow, want, uintptr(unsafe.Pointer(st)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// look compares the file with what it was.
func (f *socketFile) look() health.Socket {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := health.Socket{Path: f.path}
	missed := errors.Is(f.err, unix.ENOENT)
	if f.err != nil && !missed {
		s.Err = fmt.Sprintf("it could not be looked at when it was made: %v", f.err)
		return s
	}
	var st unix.Statx_t
	switch err := f.stat(&st); {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		s.Missing = true
	case err != nil:
		s.Err = fmt.Sprintf("it cannot be looked at: %v", err)
	case missed && f.leadsHere():
		f.first, f.err = st, nil
	case st.Ino != f.first.Ino || st.Dev_major != f.first.Dev_major || st.Dev_minor != f.first.Dev_minor:
		s.Replaced = true
	case st.Mode != f.first.Mode:
		s.Wrong = fmt.Sprintf("has mode %04o, it had %04o", st.Mode&0o7777, f.first.Mode&0o7777)
	case st.Uid != f.first.Uid || st.Gid != f.first.Gid:
		s.Wrong = fmt.Sprintf("belongs to %d:%d, it belonged to %d:%d", st.Uid, st.Gid, f.first.Uid, f.first.Gid)
	case st.Mode&0o002 != 0:
		s.Wrong = fmt.Sprintf("is open to everybody (mode %04o)", st.Mode&0o7777)
	}
	return s
}

// away reports whether the file is no longer, or not, that of the socket.
func (f *socketFile) away() bool {
	s := f.look()
	return s.Missing || s.Replaced
}

// leadsHere reports whether who connects to the file reaches this process. It
// is for a daemon that inherited its socket while the file was away.
func (f *socketFile) leadsHere() bool {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer unix.Close(s)
	if unix.Connect(s, &unix.SockaddrUnix{Name: f.path}) != nil {
		return false
	}
	peer, err := unix.GetsockoptUcred(s, unix.SOL_SOCKET, unix.SO_PEERCRED)
	return err == nil && int(peer.Pid) == os.Getpid()
}
