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
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

var quiet = slog.New(slog.DiscardHandler)

// shortDir is a directory of this user alone, with a name short enough for a
// socket in it, which t.TempDir's may not be.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "anna-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestListenRefuses holds what the daemon does not take for its socket's place,
// and that it leaves there what it found.
func TestListenRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		place func(t *testing.T, dir string) string // returns the path to listen on
		want  string
	}{
		"a relative path": {func(*testing.T, string) string { return "run/annad.sock" }, "the path is not absolute"},
		"a path too long": {func(_ *testing.T, dir string) string {
			return filepath.Join(dir, strings.Repeat("x", 100))
		}, "the path is too long: at most "},
		"a directory open to all": {func(t *testing.T, dir string) string {
			chmod(t, dir, 0o755)
			return filepath.Join(dir, "s")
		}, "its directory is open to everybody (mode 0755): close it with: chmod o-rwx "},
		"a directory that all may enter": {func(t *testing.T, dir string) string {
			chmod(t, dir, 0o701)
			return filepath.Join(dir, "s")
		}, "its directory is open to everybody (mode 0701)"},
		"no directory above": {func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "such", "s") }, "no such file or directory"},
		"a file as directory": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "f"))
			return filepath.Join(dir, "f", "s")
		}, "is no directory"},
		"a regular file": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "s"))
			return filepath.Join(dir, "s")
		}, "there is a regular file in its place, which is not removed: move it away"},
		"a directory": {func(t *testing.T, dir string) string {
			check(t, os.Mkdir(filepath.Join(dir, "s"), 0o700))
			return filepath.Join(dir, "s")
		}, "there is a directory in its place"},
		"a link": {func(t *testing.T, dir string) string {
			check(t, os.Symlink("nowhere", filepath.Join(dir, "s")))
			return filepath.Join(dir, "s")
		}, "there is a symbolic link in its place"},
		"a link to a stale socket": {func(t *testing.T, dir string) string {
			stale(t, filepath.Join(dir, "old"))
			check(t, os.Symlink("old", filepath.Join(dir, "s")))
			return filepath.Join(dir, "s")
		}, "there is a symbolic link in its place"},
		"a FIFO": {func(t *testing.T, dir string) string {
			check(t, unix.Mkfifo(filepath.Join(dir, "s"), 0o600))
			return filepath.Join(dir, "s")
		}, "there is a FIFO in its place"},
		"a daemon that answers": {func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "s")
			l, err := net.Listen("unix", path)
			check(t, err)
			t.Cleanup(func() { l.Close() })
			return path
		}, fmt.Sprintf("another daemon answers on it (pid %d)", os.Getpid())},
		"a socket of another kind": {func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "s")
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			check(t, err)
			t.Cleanup(func() { l.Close() })
			return path
		}, "another daemon may hold it"},
		"a directory that its group may write to": {func(t *testing.T, dir string) string {
			check(t, os.Chmod(dir, 0o770))
			return filepath.Join(dir, "s")
		}, "forbid it with: chmod g-w "},
		"a file under the name that is bound": {func(t *testing.T, dir string) string {
			write(t, filepath.Join(dir, "s"+tempSuffix))
			return filepath.Join(dir, "s")
		}, "there is a regular file at "},
		"a lock that is held": {func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "s")
			lock, err := lockSocket(path)
			check(t, err)
			t.Cleanup(func() { lock.Close() })
			return path
		}, "another daemon holds it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			path := tt.place(t, dir)
			before, _ := os.Lstat(path)
			l, err := listen(path, "", quiet)
			if err == nil {
				l.free()
				t.Fatal("it listens")
			}
			if want := "cannot listen on " + path + ": "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			after, _ := os.Lstat(path)
			if (before == nil) != (after == nil) || before != nil && !os.SameFile(before, after) {
				t.Errorf("what was in its place is another: %v, %v", before, after)
			}
			if left, _ := filepath.Glob(path + ".[0-9]*"); len(left) > 0 {
				t.Errorf("%v stays", left)
			}
		})
	}
}

func TestListenForeignDirectory(t *testing.T) {
	annatest.Require(t, annatest.Root)
	dir := shortDir(t)
	check(t, os.Chown(dir, 4711, 4711))
	_, err := listen(filepath.Join(dir, "s"), "", quiet)
	if err == nil || !strings.Contains(err.Error(), "its directory belongs to user 4711, not to this one") {
		t.Errorf("%v", err)
	}
}

// TestListen holds what is made: a socket for its owner and group, in a
// directory for its owner, which a client reaches; and that a second listener
// has to wait for the first one's end.
func TestListen(t *testing.T) {
	path := filepath.Join(shortDir(t), "made", "s")
	l, err := listen(path, "", quiet)
	check(t, err)
	mode(t, path, fs.ModeSocket|0o660)
	mode(t, filepath.Dir(path), fs.ModeDir|0o750)
	mode(t, path+".lock", 0o600)
	check(t, dial(path))
	if _, err := listen(path, "", quiet); err == nil || !strings.HasSuffix(err.Error(), "another daemon holds it") {
		t.Errorf("a second listener: %v", err)
	}
	check(t, dial(path))
	l.free()
	// The file stays: a client learns that nobody listens.
	if err := dial(path); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
	l, err = listen(path, "no-such-group-at-all", quiet)
	check(t, err)
	defer l.free()
	check(t, dial(path))
}

// TestListenUmask holds that the mode does not hang on the process's umask.
func TestListenUmask(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		path := filepath.Join(shortDir(t), "s")
		old := unix.Umask(mask)
		l, err := listen(path, "", quiet)
		unix.Umask(old)
		if mask == 0o777 && err != nil && os.Geteuid() != 0 {
			continue // its own lock cannot be read then, which is a clear refusal
		}
		check(t, err)
		mode(t, path, fs.ModeSocket|0o660)
		l.free()
	}
}

func TestListenGroup(t *testing.T) {
	annatest.Require(t, annatest.Root)
	group, err := user.LookupGroup("daemon")
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(shortDir(t), "made", "s")
	l, err := listen(path, "daemon", quiet)
	check(t, err)
	defer l.free()
	for _, file := range []string{path, filepath.Dir(path)} {
		info, err := os.Lstat(file)
		check(t, err)
		if gid := info.Sys().(*syscall.Stat_t).Gid; fmt.Sprint(gid) != group.Gid {
			t.Errorf("%s has the group %d, not %s", file, gid, group.Gid)
		}
	}
	mode(t, path, fs.ModeSocket|0o660)
}

// TestTakeover holds that there is no moment without a socket, and none with a
// wrong mode, while daemons follow each other.
func TestTakeover(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	l, err := listen(path, "", quiet)
	check(t, err)
	done := make(chan struct{})
	var clients sync.WaitGroup
	tries := 0
	var reached atomic.Int64
	clients.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			tries++
			info, err := os.Lstat(path)
			if err != nil || info.Mode() != fs.ModeSocket|0o660 {
				t.Errorf("the socket is %v (%v)", info, err)
				return
			}
			switch err := dial(path); {
			case err == nil:
				reached.Add(1)
			case !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.EAGAIN):
				t.Errorf("a client sees: %v", err)
				return
			}
		}
	})
	// More than fifty where the client is never scheduled at the right moment.
	for i := 0; i < 50 || reached.Load() == 0 && i < 5000; i++ {
		old := l
		old.free()
		l, err = listen(path, "", quiet)
		check(t, err)
		for range 3 {
			check(t, dial(path))
		}
	}
	close(done)
	clients.Wait()
	l.free()
	if tries < 50 || reached.Load() == 0 {
		t.Errorf("%d tries, %d of them reached somebody", tries, reached.Load())
	}
}

// TestOneStarterWins lets many start at the same moment.
func TestOneStarterWins(t *testing.T) {
	for range 10 {
		path := filepath.Join(shortDir(t), "s")
		stale(t, path)
		var (
			start = make(chan struct{})
			wg    sync.WaitGroup
			mu    sync.Mutex
			won   []*listening
		)
		for range 20 {
			wg.Go(func() {
				<-start
				l, err := listen(path, "", quiet)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, l)
				} else if !strings.Contains(err.Error(), "another daemon ") {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of 20 listen", len(won))
		}
		check(t, dial(path))
		won[0].free()
	}
}

func dial(path string) error {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return err
}

// stale makes a socket on which nobody listens.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	check(t, err)
	l.SetUnlinkOnClose(false)
	l.Close()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	check(t, os.Chmod(path, mode))
}

func write(t *testing.T, path string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte("keep me"), 0o600))
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	check(t, err)
	if info.Mode() != want {
		t.Errorf("%s has the mode %v, want %v", path, info.Mode(), want)
	}
}
