package diagnose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	"golang.org/x/sys/unix"
)

// SystemSocket is the socket of the daemon that systemd manages: only about
// that one is systemd asked.
const SystemSocket = "/run/anna/annad.sock"

// exitConfig is the daemon's exit status for a configuration that it cannot
// start from.
const exitConfig = 78

// A State is what was found out about a daemon that does not answer.
type State struct {
	Booted  bool // systemd is this machine's init
	Systemd bool // systemd answered; Service and Socket are its words
	Service Unit
	Socket  Unit
	Words   *Words // nil: none left, or not for this user to read
	PID     int    // of a running daemon; 0: none found
}

// Look finds out what it can about the daemon of a socket, until ctx ends.
func Look(ctx context.Context, socket string) State {
	return look(ctx, socket, machine{run: "/run", proc: "/proc", bus: dbus.NewSystemConnectionContext})
}

// A machine is where to look.
type machine struct {
	run, proc string
	bus       func(context.Context) (*dbus.Conn, error)
}

func look(ctx context.Context, socket string, m machine) State {
	var s State
	_, err := os.Stat(filepath.Join(m.run, "systemd/system")) // sd_booted(3)
	s.Booted = err == nil
	if s.Booted && socket == SystemSocket {
		s.Service, s.Socket, s.Systemd = askSystemd(ctx, m.bus)
	}
	s.Words, _ = ReadWords(socket)
	s.PID = findProcess(m.proc, socket, s)
	return s
}

// findProcess returns the daemon's process. Where neither systemd nor the last
// words name one, a process called annad is taken for it, but only behind the
// system's own socket: behind another, any annad may be somebody else's.
func findProcess(procRoot, socket string, s State) int {
	switch {
	case s.Systemd && s.Service.LoadState == "loaded":
		return int(s.Service.MainPID)
	case s.Words != nil:
		if began, ok := StartTime(procRoot, s.Words.PID); ok && began == s.Words.StartTime {
			return s.Words.PID
		}
	case socket == SystemSocket:
		pid, _ := findDaemon(procRoot)
		return pid
	}
	return 0
}

// Running reports whether a daemon process was found.
func (s State) Running() bool { return s.PID != 0 }

// Starting reports whether systemd is bringing the daemon up, also again.
func (s State) Starting() bool { return s.Systemd && s.Service.ActiveState == "activating" }

// Active reports whether systemd takes the daemon for up.
func (s State) Active() bool { return s.Systemd && s.Service.ActiveState == "active" }

// GaveUp reports whether systemd has stopped trying to start the daemon.
func (s State) GaveUp() bool {
	return s.Systemd && (s.Service.ActiveState == "failed" || s.Socket.ActiveState == "failed")
}

// Restarts is how often systemd has restarted the daemon by itself.
func (s State) Restarts() uint32 { return s.Service.NRestarts }

// StatusText is what the daemon last told systemd about itself.
func (s State) StatusText() string { return s.Service.StatusText }

// Story tells in a few words what happened to the daemon; "" when nothing is
// known beyond the error itself.
func (s State) Story(now time.Time) string {
	var parts []string
	if s.Systemd {
		parts = append(parts, s.systemdStory()...)
	}
	if w := s.Words; w != nil && !s.Active() {
		parts = append(parts, w.story(now, s.PID))
	}
	return strings.Join(parts, "; ")
}

func (s State) systemdStory() (parts []string) {
	u := s.Service
	switch {
	case u.LoadState == "not-found":
		return []string{"systemd knows no annad.service"}
	case u.LoadState == "masked":
		return []string{"annad.service is masked"}
	case u.ActiveState == "failed" && u.ExecMainCode == 1 && u.ExecMainStatus == exitConfig:
		parts = append(parts, "its configuration is invalid, so it does not start")
	case u.ActiveState == "failed":
		parts = append(parts, "systemd gave up on it: "+resultWords(u))
	case u.SubState == "auto-restart" && u.NRestarts == 0:
		parts = append(parts, "systemd is about to restart it: "+resultWords(u))
	case u.SubState == "auto-restart" || u.ActiveState == "activating" && u.NRestarts > 0:
		parts = append(parts, "systemd restarted it "+times(u.NRestarts)+because(u))
	case u.ActiveState == "activating":
		parts = append(parts, "systemd is starting it")
	case u.ActiveState == "inactive" && u.Result != "" && u.Result != "success":
		parts = append(parts, "it is stopped: "+resultWords(u))
	case u.ActiveState == "inactive":
		parts = append(parts, "it is stopped")
	case u.ActiveState == "deactivating":
		parts = append(parts, "systemd is stopping it")
	case u.ActiveState == "active":
		text := "systemd says it is active"
		if u.StatusText != "" {
			text += ", status: " + u.StatusText
		}
		parts = append(parts, text)
	}
	if s.Socket.ActiveState == "failed" {
		parts = append(parts, "annad.socket failed too")
	}
	return parts
}

func times(n uint32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func because(u Unit) string {
	if u.Result == "" || u.Result == "success" {
		return ""
	}
	return ": " + resultWords(u)
}

// resultWords puts systemd's Result= into words.
func resultWords(u Unit) string {
	switch u.Result {
	case "exit-code":
		return fmt.Sprintf("it ended with status %d", u.ExecMainStatus)
	case "signal":
		return signalName(u.ExecMainStatus) + " ended it"
	case "core-dump":
		return "it crashed with " + signalName(u.ExecMainStatus)
	case "watchdog":
		return "it hung and the watchdog ended it"
	case "oom-kill":
		return "the kernel ended it for want of memory"
	case "start-limit-hit":
		return "it failed too often in a short time"
	case "timeout":
		return "it did not start or stop in time"
	}
	return u.Result
}

func signalName(n int32) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", n)
}

// A figure above this is no memory of any machine, so it is not shown.
const maxMB = 1 << 30

func figure(mb *float64) bool { return mb != nil && *mb >= 0 && *mb < maxMB }

// shownFindings is how many findings a story names.
const shownFindings = 5

// story tells what the words say; pid is the daemon that runs now, 0 for none.
// Between two daemons the words are still those of the one that ended.
func (w *Words) story(now time.Time, pid int) string {
	var b strings.Builder
	seen := "last seen at an unknown time"
	if !w.At.IsZero() {
		seen = "last seen " + ago(now.Sub(w.At))
	}
	switch {
	case pid == w.PID && pid != 0 && w.State != "stopped":
		fmt.Fprintf(&b, "pid %d runs", pid)
	case pid == w.PID || pid == 0:
		b.WriteString(seen)
	default:
		fmt.Fprintf(&b, "pid %d runs; the daemon before it was %s", pid, seen)
	}
	if figure(w.MemoryMB) {
		if figure(w.LimitMB) {
			fmt.Fprintf(&b, ", %.0f of %.0f MB", *w.MemoryMB, *w.LimitMB)
		} else {
			fmt.Fprintf(&b, ", %.0f MB", *w.MemoryMB)
		}
	}
	switch {
	case w.State != "" && w.Reason != "":
		fmt.Fprintf(&b, ", %s on %s", w.State, w.Reason)
	case w.State != "":
		b.WriteString(", " + w.State)
	}
	if w.SelfCheck != "" {
		b.WriteString(", its self-check failed: " + w.SelfCheck)
	}
	if len(w.Findings) > 0 {
		b.WriteString(", with findings: " + strings.Join(w.Findings[:min(len(w.Findings), shownFindings)], ", "))
		if more := len(w.Findings) - shownFindings; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
	}
	return b.String()
}

func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "at a time that is still to come"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// Hint is what to do next when more is known than the error's code tells; ""
// when the code's own hint is as good.
func (s State) Hint(code string) string {
	if !s.Systemd {
		return s.hintWithoutSystemd(code)
	}
	u := s.Service
	const start = "sudo systemctl reset-failed annad.service annad.socket; sudo systemctl start annad.socket annad.service"
	switch {
	case u.LoadState == "not-found":
		return "Daemon not installed as a service. Look without it: anna health --standalone"
	case u.LoadState == "masked":
		return "Unmask it: sudo systemctl unmask annad; then: sudo systemctl start annad"
	case u.ActiveState == "failed" && u.ExecMainCode == 1 && u.ExecMainStatus == exitConfig:
		return "See the problems: sudo journalctl -u annad -n 20; correct /etc/anna/config.toml; then: " + start
	case s.GaveUp():
		return "See why: sudo journalctl -u annad -n 20; then: " + start
	case s.Active() && code == "ReadTimeout" && u.WatchdogSec > 0:
		return fmt.Sprintf("Daemon not responding. Check logs: sudo journalctl -u annad -n 20 (if it hangs, the watchdog restarts it within %.0f s)", u.WatchdogSec)
	case u.ActiveState == "inactive" && code != "SocketNotFound":
		return "Daemon not running. Start with: sudo systemctl start annad"
	}
	return ""
}

// hintWithoutSystemd is for a daemon that systemd does not keep: somebody
// started it by hand, so there is no unit to restart and no journal to read.
func (s State) hintWithoutSystemd(code string) string {
	stopped := s.Words != nil && s.Words.State == "stopped"
	switch {
	case code == "DaemonCrashed" && stopped:
		return "Daemon was stopped. Start it again the way it was started, or as root: annad"
	case code == "DaemonCrashed" && !s.Booted:
		return "Daemon stopped without removing its socket. See where it logs to why; then start it again: sudo annad"
	case code == "ConnectionRefused" && !s.Booted:
		return "Daemon is not listening yet. If it stays so, end it and start it again: sudo annad"
	}
	return ""
}
