package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// recent says by how much a counter grew within the last span.
type recent struct {
	span, step time.Duration
	points     []point // oldest first, step apart
}

type point struct {
	at    time.Time
	value uint64
}

// add takes a reading. A counter that went back began anew.
func (r *recent) add(now time.Time, value uint64) uint64 {
	n := len(r.points)
	switch {
	case n > 0 && value < r.points[n-1].value:
		r.points = append(r.points[:0], point{now, value})
	case n == 0 || now.Sub(r.points[n-1].at) >= r.step:
		r.points = append(r.points, point{now, value})
	}
	for len(r.points) > 1 && now.Sub(r.points[0].at) > r.span {
		r.points = r.points[1:]
	}
	return value - r.points[0].value
}

func (r *recent) reading(now time.Time, f metrics.Figure[uint64]) health.Reading[uint64] {
	if !f.Known {
		return health.Reading[uint64]{Reason: f.Why()}
	}
	return health.Known(r.add(now, f.Value))
}

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

// A clock watches the time of day against the time since boot, which goes on
// while the machine is suspended (clock_gettime(2), CLOCK_BOOTTIME).
type clock struct {
	offset time.Duration // of the two, when last looked at
	begun  bool
	jumped time.Duration
	at     time.Time
}

func (c *clock) look(now time.Time) health.Clock {
	wall, boot, err := clocks()
	if err != nil {
		return health.Clock{}
	}
	return c.take(now, wall-boot)
}

func (c *clock) take(now time.Time, offset time.Duration) health.Clock {
	// A clock that is slewed drifts by less than this between two looks.
	if by := offset - c.offset; c.begun && (by >= time.Second || by <= -time.Second) {
		c.jumped, c.at = by, now
	}
	c.offset, c.begun = offset, true
	if c.jumped == 0 {
		return health.Clock{}
	}
	return health.Clock{Jumped: c.jumped, Ago: now.Sub(c.at)}
}

func clocks() (wall, boot time.Duration, err error) {
	var b unix.Timespec
	// Which never waits, and so passes the Go runtime by: see beat.
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&b)), 0); errno != 0 {
		return 0, 0, errno
	}
	return time.Duration(time.Now().UnixNano()), time.Duration(b.Nano()), nil
}

// A program is the executable that runs and what lies in its place now.
type program struct {
	running unix.Stat_t
	mu      sync.Mutex
	state   health.Program
}

func newProgram() *program {
	p := &program{}
	path, err := os.Executable()
	if err == nil {
		p.state.Path = path
		err = unix.Stat("/proc/self/exe", &p.running)
	}
	if err != nil {
		p.state.Err = fmt.Sprintf("the program that runs is not known: %v", err)
	}
	return p
}

func (p *program) look() {
	if p.running.Ino == 0 {
		return
	}
	var st unix.Stat_t
	err := unix.Stat(p.seen().Path, &st) // which may wait for a disk
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Gone = errors.Is(err, fs.ErrNotExist)
	p.state.Changed = err == nil && (st.Ino != p.running.Ino || st.Dev != p.running.Dev)
	p.state.Err = ""
	if err != nil && !p.state.Gone {
		p.state.Err = fmt.Sprintf("it cannot be looked at: %v", err)
	}
}

// seen is what the last look saw.
func (p *program) seen() health.Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
