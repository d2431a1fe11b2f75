package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// A fix mends what one check found. plan says what it would do, "" when there
// is nothing for it; apply looks again, at what it has opened, before it does
// it, and verifies it afterwards.
type fix struct {
	check string
	plan  func(*exam) string
	apply func(context.Context, *exam) error
}

// fixes are all that anna mends. A stale socket first: nothing starts better
// for it, but what is looked at afterwards is the truth.
var fixes = []fix{
	{"socket", planStale, applyStale},
	{"socket", planSocket, applySocket},
	{"state_dir", planState, applyState},
	{"systemd", planStart, applyStart},
}

// errChanged: between the look and the deed something else happened.
var errChanged = errors.New("it is not as it was a moment ago; look again")

// mend shows the plan, asks, and does it.
func mend(c *console.Console, e *exam, r *Report) error {
	var todo []fix
	for _, f := range fixes {
		if !slices.ContainsFunc(r.Checks, func(k Check) bool { return k.ID == f.check }) {
			continue
		}
		if does := f.plan(e); does != "" {
			todo = append(todo, f)
			r.Fixes = append(r.Fixes, Fixed{Check: f.check, Does: does})
		}
	}
	switch {
	case len(todo) == 0:
		c.Say("nothing here that anna mends by itself")
		return nil
	case c.Bool("dry-run"):
		return nil
	case !c.Bool("yes"):
		for _, f := range r.Fixes {
			c.Say("would %s", f.Does)
		}
		if !c.InIsTerminal() {
			return console.Usagef("as in: sudo anna doctor --fix --yes", "--fix asks before it acts, and nobody is at a terminal: it needs --yes")
		}
		yes, err := c.Ask("Do this?")
		if err != nil {
			return err
		}
		if !yes {
			c.Say("nothing was changed")
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), c.Timeout())
	defer cancel()
	mended := r.Fixes
	for i, f := range todo {
		if err := f.apply(ctx, e); err != nil {
			mended[i].Error = err.Error()
			continue
		}
		mended[i].Done = true
	}
	// What holds now is what is shown.
	var names []string
	for _, k := range r.Checks {
		names = append(names, k.ID)
	}
	*r = examine(c).report(names)
	r.Fixes = mended
	return nil
}

// planStale removes a socket on which nobody listens, where no unit of
// systemd's listens for the daemon: who connects then learns that no daemon
// runs, rather than that one crashed.
func planStale(e *exam) string {
	if e.failed == nil || e.failed.Code != rpc.DaemonCrashed && e.failed.Code != rpc.ConnectionRefused || e.state.Running() || e.state.Starting() {
		return ""
	}
	if e.state.Systemd && e.seen.socket == diagnose.SystemSocket && e.state.Service.LoadState == "loaded" {
		return "" // starting it replaces the socket
	}
	var st unix.Stat_t
	if unix.Lstat(e.seen.socket, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return ""
	}
	return "remove the stale socket " + e.seen.socket
}

func applyStale(_ context.Context, e *exam) error {
	dir, err := openDir(filepath.Dir(e.seen.socket))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	name := filepath.Base(e.seen.socket)
	// A daemon that starts holds this lock before it touches the socket.
	lock, err := unix.Openat(dir, name+".lock", unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open its lock: %w", err)
	}
	defer unix.Close(lock)
	if err := unix.Flock(lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errChanged // a daemon has it
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errChanged
	}
	if err := refused(dir, name); err != nil {
		return err
	}
	if err := unix.Unlinkat(dir, name, 0); err != nil {
		return fmt.Errorf("cannot remove it: %w", err)
	}
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); !errors.Is(err, unix.ENOENT) {
		return errors.New("it is still there")
	}
	return nil
}

// refused holds that nobody listens on a socket of an opened directory.
func refused(dir int, name string) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("cannot look whether somebody listens: %w", err)
	}
	defer unix.Close(s)
	err = unix.Connect(s, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)})
	if !errors.Is(err, unix.ECONNREFUSED) {
		return errChanged
	}
	return nil
}

// openDir opens a directory that is no link, to work on what is in it.
func openDir(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open %s: %w", path, err)
	}
	return fd, nil
}

// A wanted is how a file is meant to be; -1 leaves an owner or group alone.
type wanted struct {
	kind, mode uint32
	uid, gid   int
}

func (w wanted) holds(st unix.Stat_t) bool {
	return st.Mode&0o7777 == w.mode && (w.uid < 0 || int(st.Uid) == w.uid) && (w.gid < 0 || int(st.Gid) == w.gid)
}

// trusts reports whose files are set right: the wanted owner's, root's and this
// user's. Another's in that place is a trap or a mistake, and left alone.
func (w wanted) trusts(st unix.Stat_t) bool {
	return st.Uid == 0 || int(st.Uid) == w.uid || int(st.Uid) == os.Geteuid()
}

// put brings the file at an opened directory into the wanted state, through a
// descriptor of it that follows no link.
func (w wanted) put(dirPath, name string) error {
	dir, err := openDir(dirPath)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open it: %w", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("cannot look at it: %w", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != w.kind, w.holds(st):
		return errChanged
	case !w.trusts(st):
		return fmt.Errorf("it belongs to user %d: it is left alone", st.Uid)
	case w.kind != unix.S_IFDIR && st.Nlink != 1:
		return errors.New("it has a second name: it is left alone")
	}
	// The owner first: it takes mode bits away, and nobody gains any meanwhile.
	if err := unix.Fchownat(fd, "", w.uid, w.gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("cannot give it to its owner: %w", err)
	}
	// The kernel changes no mode through O_PATH, but through its name in /proc,
	// which is the opened file itself (proc_pid_fd(5)).
	if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), w.mode); err != nil {
		return fmt.Errorf("cannot set its mode: %w", err)
	}
	if err := unix.Fstat(fd, &st); err != nil || !w.holds(st) {
		return errors.New("it is not as it should be afterwards")
	}
	var named unix.Stat_t
	if err := unix.Fstatat(dir, name, &named, unix.AT_SYMLINK_NOFOLLOW); err != nil || named.Dev != st.Dev || named.Ino != st.Ino {
		return errChanged // what was mended has another name, or none, by now
	}
	return nil
}

// wantedSocket is how the socket is meant to be.
func wantedSocket(e *exam) wanted {
	w := wanted{kind: unix.S_IFSOCK, mode: 0o660, uid: -1, gid: -1}
	var st unix.Stat_t
	if unix.Lstat(e.seen.socket, &st) == nil && st.Uid != 0 { // systemd's own may stay root's
		w.uid = e.owner()
	}
	if e.seen.socket == diagnose.SystemSocket {
		w.gid = groupID(config.Peek(config.DefaultPath).Daemon().SocketGroup)
	}
	return w
}

func planSocket(e *exam) string {
	var st unix.Stat_t
	if unix.Lstat(e.seen.socket, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK || planStale(e) != "" {
		return ""
	}
	w := wantedSocket(e)
	if w.holds(st) || socketWrong(st, e.owner()) == "" && !e.bad("socket") {
		return ""
	}
	return fmt.Sprintf("give the socket %s %s", e.seen.socket, w.words())
}

func (w wanted) words() string {
	text := fmt.Sprintf("mode %04o", w.mode)
	if w.uid >= 0 {
		text += fmt.Sprintf(", owner %d", w.uid)
	}
	if w.gid >= 0 {
		text += fmt.Sprintf(", group %d", w.gid)
	}
	return text
}

// bad reports whether a check found something wrong.
func (e *exam) bad(id string) bool {
	return slices.ContainsFunc(e.checks, func(c Check) bool { return c.ID == id && c.Result.Result >= health.Warning })
}

func applySocket(_ context.Context, e *exam) error {
	return wantedSocket(e).put(filepath.Dir(e.seen.socket), filepath.Base(e.seen.socket))
}

func wantedState(e *exam) wanted {
	return wanted{kind: unix.S_IFDIR, mode: 0o700, uid: e.owner(), gid: -1}
}

func planState(e *exam) string {
	dir, ok := e.stateDir()
	var st unix.Stat_t
	if !ok || unix.Lstat(dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR || stateWrong(st, e.owner()) == "" {
		return ""
	}
	return fmt.Sprintf("give the state directory %s %s", dir, wantedState(e).words())
}

func applyState(_ context.Context, e *exam) error {
	dir, ok := e.stateDir()
	if !ok {
		return errChanged
	}
	return wantedState(e).put(filepath.Dir(dir), filepath.Base(dir))
}

// planStart is for the daemon that systemd manages and gave up on, or that is
// stopped.
func planStart(e *exam) string {
	s := e.state
	if !s.Systemd || e.seen.socket != diagnose.SystemSocket || s.Service.LoadState != "loaded" || !s.GaveUp() && (s.Active() || s.Starting()) {
		return ""
	}
	return "have systemd forget the failure of annad.service and annad.socket, and start them"
}

func applyStart(ctx context.Context, e *exam) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	now := diagnose.Look(ctx, e.seen.socket)
	if again := (&exam{state: now, seen: e.seen}); planStart(again) == "" {
		return errChanged
	}
	if err := diagnose.Start(ctx); err != nil {
		return err
	}
	if now := diagnose.Look(ctx, e.seen.socket); !now.Active() {
		return errors.New("it is not active afterwards: read why with sudo journalctl -u annad -n 50")
	}
	return nil
}

const startTime = 20 * time.Second

func groupID(name string) int {
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
