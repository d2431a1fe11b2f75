package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// socketMode lets the daemon's user and its group in, and nobody else.
const socketMode = 0o660

const (
	maxPath    = 107    // struct sockaddr_un with its closing NUL, unix(7)
	tempSuffix = ".new" // of the name that a socket is bound under
)

// A listening socket, and what belongs to it.
type listening struct {
	*net.UnixListener
	path      string
	inherited bool
	lock      *os.File
}

// free lets another daemon have the socket's place. The listener is closed
// before, when the daemon begins to stop; this comes when it has ended.
func (l *listening) free() {
	l.UnixListener.Close()
	if l.lock != nil {
		l.lock.Close()
	}
}

// listen makes the socket. The file is bound under another name and renamed
// into place: who connects sees the old socket or the new one, never none and
// never one with the wrong mode. A socket on which a daemon answers is never
// taken, nor is any file that is no socket.
func listen(path, group string, log *slog.Logger) (*listening, error) {
	fail := func(err error) (*listening, error) {
		return nil, fmt.Errorf("cannot listen on %s: %w", path, err)
	}
	if !filepath.IsAbs(path) {
		return fail(errors.New("the path is not absolute"))
	}
	temp := path + tempSuffix
	if len(temp) > maxPath {
		return fail(fmt.Errorf("the path is too long: at most %d bytes", maxPath-len(tempSuffix)))
	}
	gid := groupID(group)
	dir := filepath.Dir(path)
	if err := privateDir(dir, gid); err != nil {
		return fail(err)
	}
	lock, err := lockSocket(path)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return fail(errors.New("another daemon holds it"))
	case err != nil:
		log.Warn("cannot lock the socket; only its answer tells another daemon", "error", err)
	}
	ok := false
	defer func() {
		if !ok && lock != nil {
			lock.Close()
		}
	}()
	if err := probe(path); err != nil {
		return fail(err)
	}
	if err := removeSocket(temp); err != nil {
		return fail(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	// The file stays when the daemon stops: the next one renames its own over
	// it, and a client meanwhile learns that nobody listens, not that nobody
	// ever did.
	l.SetUnlinkOnClose(false)
	err = os.Chmod(temp, socketMode)
	if err == nil && gid >= 0 {
		if chown := os.Chown(temp, -1, gid); chown != nil {
			log.Warn("cannot give the socket to its group; only the daemon's user and root can connect", "group", group, "error", chown)
		}
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		l.Close()
		os.Remove(temp)
		return fail(err)
	}
	ok = true
	return &listening{UnixListener: l, path: path, lock: lock}, nil
}

// removeSocket removes what a daemon left that was killed between binding and
// renaming; nothing but a socket.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("there is %s at %s, which is not removed: move it away", kindOf(info.Mode()), path)
	}
	return os.Remove(path)
}

// groupID finds the group's number; -1 where the system has no such group, or
// none is named.
func groupID(name string) int {
	if name == "" {
		return -1
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return -1
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return -1
	}
	return gid
}

// privateDir makes the socket's directory where it is missing, and refuses one
// that everybody may enter or that somebody else could swap things in.
func privateDir(dir string, gid int) error {
	err := os.Mkdir(dir, 0o750)
	switch {
	case err == nil:
		if gid >= 0 {
			if err := os.Chown(dir, -1, gid); err != nil && !errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("cannot give the new directory to its group: %w", err)
			}
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Errorf("its directory is open to everybody (mode %04o): close it with: chmod o-rwx %s", info.Mode().Perm(), dir)
	case info.Mode().Perm()&0o020 != 0:
		return fmt.Errorf("its group may replace what is in its directory (mode %04o): forbid it with: chmod g-w %s", info.Mode().Perm(), dir)
	case ok && int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return fmt.Errorf("its directory belongs to user %d, not to this one", st.Uid)
	}
	return nil
}

// lockSocket keeps two daemons that start at the same moment from taking the
// socket from each other. The lock goes with the process; the file stays.
func lockSocket(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// probe looks at what is in the socket's place: nothing and a stale socket are
// fine.
func probe(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("there is %s in its place, which is not removed: move it away", kindOf(info.Mode()))
	}
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
			return nil // nobody listens: stale
		}
		return fmt.Errorf("another daemon may hold it: %w", err)
	}
	defer c.Close()
	if peer, err := rpc.PeerOf(c.(*net.UnixConn)); err == nil {
		return fmt.Errorf("another daemon answers on it (pid %d)", peer.PID)
	}
	return errors.New("another daemon answers on it")
}

func kindOf(m fs.FileMode) string {
	switch m.Type() {
	case 0:
		return "a regular file"
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	}
	return "a special file"
}
