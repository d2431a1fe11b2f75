package doctor

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "doctor-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(d) })
	return d
}

// socket makes a socket file; closed, nobody listens on it.
func socket(t *testing.T, path string, mode os.FileMode) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestPut holds that mode and owner are set on what was meant, and on nothing
// that a link or a second name leads to.
func TestPut(t *testing.T) {
	d := dir(t)
	target := filepath.Join(d, "secret")
	if err := os.WriteFile(target, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	want := wanted{kind: unix.S_IFSOCK, mode: 0o660, uid: os.Geteuid(), gid: -1}

	socket(t, filepath.Join(d, "good"), 0o666)
	if err := want.put(d, "good"); err != nil || modeOf(t, filepath.Join(d, "good")) != 0o660 {
		t.Errorf("%v, mode %o", err, modeOf(t, filepath.Join(d, "good")))
	}
	if err := want.put(d, "good"); err == nil {
		t.Error("it mends what is well")
	}

	for name, set := range map[string]func(path string) error{
		"a link to a file":   func(p string) error { return os.Symlink(target, p) },
		"a link to a socket": func(p string) error { socket(t, filepath.Join(d, "other"), 0o666); return os.Symlink("other", p) },
		"a file":             func(p string) error { return os.WriteFile(p, nil, 0o666) },
		"a second name": func(p string) error {
			socket(t, filepath.Join(d, "twin"), 0o666)
			return os.Link(filepath.Join(d, "twin"), p)
		},
		"nothing": func(string) error { return nil },
	} {
		path := filepath.Join(d, strings.ReplaceAll(name, " ", "-"))
		if err := set(path); err != nil {
			t.Fatal(err)
		}
		if err := want.put(d, filepath.Base(path)); err == nil {
			t.Errorf("%s: nothing was wrong with it", name)
		}
	}
	for _, untouched := range []string{"other", "twin"} {
		if got := modeOf(t, filepath.Join(d, untouched)); got != 0o666 {
			t.Errorf("%s has mode %o now", untouched, got)
		}
	}
	if got := modeOf(t, target); got != 0o640 {
		t.Errorf("the link's target has mode %o now", got)
	}

	// A directory that is a link leads nowhere.
	link := filepath.Join(d, "link")
	socket(t, filepath.Join(d, "behind"), 0o666)
	if err := os.Symlink(d, link); err != nil {
		t.Fatal(err)
	}
	if err := want.put(link, "behind"); err == nil || modeOf(t, filepath.Join(d, "behind")) != 0o666 {
		t.Errorf("through a link: %v", err)
	}

	if os.Geteuid() == 0 {
		path := filepath.Join(d, "foreign")
		socket(t, path, 0o666)
		if err := os.Chown(path, 4242, 4242); err != nil {
			t.Fatal(err)
		}
		if err := want.put(d, "foreign"); err == nil || !strings.Contains(err.Error(), "4242") {
			t.Errorf("somebody else's socket: %v", err)
		}
	}
}

// TestStale holds that only a socket without a listener and without a daemon
// behind its lock is removed.
func TestStale(t *testing.T) {
	d := dir(t)
	path := filepath.Join(d, "annad.sock")
	l := socket(t, path, 0o660)
	e := &exam{failed: rpc.Errorf(rpc.ConnectionRefused, "refused"), seen: sight{socket: path}}
	if planStale(e) == "" {
		t.Fatal("a refused socket is not planned")
	}
	if err := applyStale(t.Context(), e); err == nil {
		t.Fatal("a socket on which somebody listens was removed")
	}
	l.Close()
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := applyStale(t.Context(), e); err == nil {
		t.Fatal("the socket of a daemon that starts was removed")
	}
	lock.Close()
	if err := applyStale(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if planStale(e) != "" || applyStale(t.Context(), e) == nil {
		t.Error("a file in the socket's place was taken for one")
	}
	running := *e
	running.state = diagnose.State{PID: os.Getpid()}
	if planStale(&running) != "" {
		t.Error("planned although a daemon runs")
	}
}

// TestFixesAreChecks holds that every fix belongs to a check of the table.
func TestFixesAreChecks(t *testing.T) {
	known := map[string]bool{}
	for _, c := range table() {
		if known[c.ID] {
			t.Errorf("check %q stands there twice", c.ID)
		}
		known[c.ID] = true
	}
	for _, f := range fixes {
		if !known[f.check] {
			t.Errorf("a fix is for %q, which is no check", f.check)
		}
	}
	for _, c := range health.ClientChecks {
		if clientAssess[c.ID] == nil {
			t.Errorf("nothing makes the check %q", c.ID)
		}
	}
}
