package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// clientAssess makes health.ClientChecks.
var clientAssess = map[string]func(*exam) health.Verdict{
	"daemon": assessDaemon, "response_time": assessTime, "access": assessAccess, "systemd": assessSystemd,
	"state_dir": assessStateDir, "configuration": assessConfiguration, "version": assessVersion,
}

// A sight is what this client measured.
type sight struct {
	socket  string
	private bool
	took    []time.Duration // sorted
	peer    rpc.Peer
}

// lookTime bounds the questions to systemd and /proc.
const lookTime = 2 * time.Second

func (s *sight) systemd(ctx context.Context) diagnose.State {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return diagnose.Look(ctx, s.socket)
}

func well(format string, args ...any) health.Verdict {
	return health.Verdict{Detail: fmt.Sprintf(format, args...)}
}

func unknown(format string, args ...any) health.Verdict {
	return health.Verdict{Level: health.Unknown, Detail: fmt.Sprintf(format, args...)}
}

func assessDaemon(e *exam) health.Verdict {
	switch {
	case e.failed == nil:
		return well("annad %s answers on %s", e.daemon.Version, e.seen.socket)
	case e.failed.Code == rpc.SocketPermission: // it may well run
		return unknown("%s", e.failed.Message)
	}
	return health.Verdict{Level: health.Critical, Detail: fmt.Sprintf("%s (%s)", e.failed.Message, e.failed.Code), Fix: e.failed.Hint}
}

func assessTime(e *exam) health.Verdict {
	if len(e.seen.took) == 0 {
		return unknown("no answer to measure")
	}
	median := e.seen.took[len(e.seen.took)/2]
	v := health.Verdict{
		Detail:   health.InMillis(median) + " for a small request",
		Evidence: &health.Evidence{Figure: "response_ms", Value: *millis(&median), Threshold: *millis(ptr(health.AnswerWarn)), Unit: "ms", Samples: len(e.seen.took)},
	}
	switch {
	case median > health.AnswerCrit:
		v.Level = health.Critical
	case median > health.AnswerWarn:
		v.Level = health.Warning
	}
	if v.Level > health.OK {
		v.Fix = "Compare with what the daemon measures: anna doctor check rpc_latency"
	}
	return v
}

func ptr[T any](v T) *T { return &v }

func assessAccess(e *exam) health.Verdict {
	err := unix.Access(e.seen.socket, unix.W_OK)
	var st unix.Stat_t
	group := "anna"
	if unix.Lstat(e.seen.socket, &st) == nil {
		if g, err := user.LookupGroupId(strconv.Itoa(int(st.Gid))); err == nil {
			group = g.Name
		}
	}
	name := "$USER"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	switch {
	case err == nil:
		return well("%s may connect", name)
	case errors.Is(err, unix.ENOENT):
		return unknown("there is no socket %s", e.seen.socket)
	case !errors.Is(err, unix.EACCES):
		return unknown("the socket cannot be looked at: %v", err)
	}
	v := health.Verdict{Level: health.Warning, Detail: fmt.Sprintf("%s may not use %s", name, e.seen.socket), Fix: fmt.Sprintf("Join its group: sudo usermod -aG %s %s; then log in anew", group, name)}
	if g, err := user.LookupGroup(group); err == nil && inGroup(name, g.Gid) {
		v.Detail += fmt.Sprintf(": the group %s is theirs, but not in this session", group)
		v.Fix = "Log in anew, or for one shell: newgrp " + group
	}
	return v
}

// inGroup reports what the system's files say about a user, whatever groups
// this process has.
func inGroup(name, gid string) bool {
	u, err := user.Lookup(name)
	if err != nil {
		return false
	}
	gids, err := u.GroupIds()
	return err == nil && slices.Contains(gids, gid)
}

func assessSystemd(e *exam) health.Verdict {
	s := e.state
	switch {
	case e.seen.private:
		return unknown("a private daemon is none of systemd's")
	case !s.Booted:
		return unknown("systemd is not this machine's init")
	case e.seen.socket != diagnose.SystemSocket:
		return unknown("%s is not the socket of the daemon that systemd runs", e.seen.socket)
	case !s.Systemd:
		return unknown("systemd did not answer")
	case s.GaveUp():
		return health.Verdict{Level: health.Critical, Detail: s.Story(time.Now()), Fix: "Read why: sudo journalctl -u annad -n 50; then: sudo anna doctor check systemd --fix"}
	case !s.Active() && !s.Starting():
		if s.Service.LoadState == "not-found" {
			return unknown("systemd knows no annad.service")
		}
		return health.Verdict{Level: health.Warning, Detail: "annad.service is " + s.Service.ActiveState, Fix: "Start it: sudo systemctl start annad"}
	}
	v := well("annad.service is %s, never restarted by systemd", s.Service.ActiveState)
	switch n := s.Restarts(); {
	case n == 1:
		v.Detail = fmt.Sprintf("annad.service is %s, restarted once", s.Service.ActiveState)
	case n > 1:
		v.Detail = fmt.Sprintf("annad.service is %s, restarted %d times", s.Service.ActiveState, n)
	}
	v.Evidence = &health.Evidence{Figure: "restarts", Value: float64(s.Restarts()), Threshold: maxRestarts, Unit: "times"}
	if s.Restarts() > maxRestarts {
		v.Level, v.Fix = health.Warning, "Read why: sudo journalctl -u annad -n 50"
	}
	return v
}

const maxRestarts = 3

// stateDir is where the daemon of this socket keeps its state, as far as a
// client can know.
func (e *exam) stateDir() (string, bool) {
	if e.seen.private || e.seen.socket != diagnose.SystemSocket {
		return "", false
	}
	return config.Peek(config.DefaultPath).Daemon().StateDir, true
}

func assessStateDir(e *exam) health.Verdict {
	dir, ok := e.stateDir()
	if !ok {
		return unknown("where the daemon of this socket keeps its state is not known")
	}
	var st unix.Stat_t
	switch err := unix.Lstat(dir, &st); {
	case errors.Is(err, fs.ErrNotExist):
		return unknown("%s does not exist; the daemon makes it when it starts", dir)
	case err != nil:
		return unknown("%s cannot be looked at: %v", dir, err)
	}
	if wrong := stateWrong(st, e.owner()); wrong != "" {
		return health.Verdict{Level: health.Warning, Detail: dir + " " + wrong, Fix: "Mend it: sudo anna doctor check state_dir --fix"}
	}
	return well("%s is the daemon's alone", dir)
}

// stateWrong says what is wrong with the state directory; owner -1 is not
// known.
func stateWrong(st unix.Stat_t, owner int) string {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return "is no directory"
	case st.Mode&0o077 != 0:
		return fmt.Sprintf("is open to others (mode %04o)", st.Mode&0o7777)
	case owner >= 0 && int(st.Uid) != owner:
		return fmt.Sprintf("belongs to user %d, not to the daemon's (%d)", st.Uid, owner)
	}
	return ""
}

// owner is the daemon's user: who listens, else the system's user anna; -1
// where neither is known.
func (e *exam) owner() int {
	if e.seen.peer.PID > 1 {
		return e.seen.peer.UID
	}
	if u, err := user.Lookup("anna"); err == nil {
		if uid, err := strconv.Atoi(u.Uid); err == nil {
			return uid
		}
	}
	return -1
}

func assessConfiguration(*exam) health.Verdict {
	path := config.DefaultPath
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return well("there is no %s: the defaults hold", path)
	}
	if f, err := os.Open(path); err != nil {
		return unknown("%s cannot be read by this user", path)
	} else {
		f.Close()
	}
	_, report := config.Load(path)
	if report.OK() {
		return well("%s is valid", path)
	}
	return health.Verdict{Level: health.Warning, Detail: fmt.Sprint(report.Err()), Fix: "See every problem: anna config validate"}
}

func assessVersion(e *exam) health.Verdict {
	switch {
	case e.daemon.Version == "":
		return unknown("the daemon does not say")
	case e.daemon.Version != version.Number:
		return health.Verdict{Detail: fmt.Sprintf("the daemon is %s, this client %s", e.daemon.Version, version.Number), Fix: "After an upgrade: sudo systemctl restart annad"}
	}
	return well("both are %s", version.Number)
}

// mergeSocket adds what is seen from outside to the daemon's own check of its
// socket; the worse of the two is the result.
func (e *exam) mergeSocket() {
	i := slices.IndexFunc(e.checks, func(c Check) bool { return c.ID == "socket" })
	if i < 0 {
		return
	}
	c := &e.checks[i]
	v, st := e.outside()
	if v.Level > c.Result.Result || c.Result.Result == health.Unknown && v.Level != health.Unknown {
		c.Result.Result, c.Detail, c.Fix, c.Evidence = v.Level, v.Detail, v.Fix, v.Evidence
	}
	c.Figures = map[string]*float64{"response_ms": nil, "mode": nil}
	if st != nil {
		c.Figures["mode"] = number(int(st.Mode & 0o7777))
	}
	if n := len(e.seen.took); n > 0 {
		c.Figures["response_ms"] = millis(&e.seen.took[n/2])
	}
}

// outside is the socket's file as this client finds it.
func (e *exam) outside() (health.Verdict, *unix.Stat_t) {
	path := e.seen.socket
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return health.Verdict{Level: health.Critical, Detail: path + " does not exist", Fix: hintOf(e)}, nil
	case err != nil:
		return unknown("%s cannot be looked at: %v", path, err), nil
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return health.Verdict{Level: health.Critical, Detail: path + " is no socket", Fix: "Move it away: sudo mv " + path + " " + path + ".old"}, &st
	case e.failed != nil && (e.failed.Code == rpc.DaemonCrashed || e.failed.Code == rpc.ConnectionRefused):
		return health.Verdict{Level: health.Critical, Detail: path + " is stale: nobody listens on it", Fix: hintOf(e)}, &st
	}
	if wrong := socketWrong(st, e.owner()); wrong != "" {
		return health.Verdict{Level: health.Warning, Detail: path + " " + wrong, Fix: "Mend it: sudo anna doctor check socket --fix"}, &st
	}
	return well("%s, mode %04o, in %s", path, st.Mode&0o7777, filepath.Dir(path)), &st
}

func socketWrong(st unix.Stat_t, owner int) string {
	switch {
	case st.Mode&0o007 != 0:
		return fmt.Sprintf("is open to everybody (mode %04o)", st.Mode&0o7777)
	case st.Mode&0o660 != 0o660:
		return fmt.Sprintf("keeps its owner or group out (mode %04o)", st.Mode&0o7777)
	case owner >= 0 && st.Uid != 0 && int(st.Uid) != owner:
		return fmt.Sprintf("belongs to user %d, neither to root nor to the daemon's (%d)", st.Uid, owner)
	}
	return ""
}

func hintOf(e *exam) string {
	if e.failed == nil {
		return "Make it anew: sudo systemctl restart annad.socket annad.service"
	}
	return e.failed.Hint
}
