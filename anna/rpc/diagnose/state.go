package diagnose

import (
	"context"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/dbus"
)

// SystemSocket is the socket of the daemon that systemd manages: only about
// that one is systemd asked.
const SystemSocket = "/run/anna/annad.sock"

// exitConfig is the daemon's exit status for a configuration that it cannot
// start from.
const exitConfig = 78

// exitNamespace is systemd's own exit status for a sandbox that it could not make
// (systemd.exec(5), EXIT_NAMESPACE).
const exitNamespace = 226

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
