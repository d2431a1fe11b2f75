package diagnose

import (
	"context"

	"github.com/coreos/go-systemd/v22/dbus"
)

// The units of the daemon that systemd manages.
const (
	serviceUnit = "annad.service"
	socketUnit  = "annad.socket"
)

// A Unit is what systemd tells everybody about a unit of its own
// (org.freedesktop.systemd1(5)).
type Unit struct {
	LoadState      string // loaded, not-found, masked
	ActiveState    string // active, activating, deactivating, inactive, failed
	SubState       string // running, auto-restart, dead ...
	Result         string // success, exit-code, signal, watchdog, oom-kill, start-limit-hit ...
	StatusText     string // what the daemon last said with STATUS=
	NRestarts      uint32
	ExecMainStatus int32
	ExecMainCode   int32 // CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3
	WatchdogSec    float64
	MainPID        uint32
}

// noSandbox says whether systemd could not start the daemon for want of the right
// to mount: in a container without CAP_SYS_ADMIN.
func (u Unit) noSandbox() bool { return u.ExecMainCode == 1 && u.ExecMainStatus == exitNamespace }

// askSystemd asks for the daemon's service and socket. ok is false where
// systemd does not answer before ctx ends: a bus that accepts and stays silent
// must not keep the client.
func askSystemd(ctx context.Context, bus func(context.Context) (*dbus.Conn, error)) (service, socket Unit, ok bool) {
	type answer struct {
		service, socket Unit
		ok              bool
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() { done <- a }()
		conn, err := bus(ctx)
		if err != nil {
			return
		}
		defer conn.Close()
		if a.service, a.ok = askUnit(ctx, conn, serviceUnit); a.ok {
			a.socket, a.ok = askUnit(ctx, conn, socketUnit)
		}
	}()
	select {
	case a := <-done:
		return a.service, a.socket, a.ok
	case <-ctx.Done():
		return Unit{}, Unit{}, false
	}
}

func askUnit(ctx context.Context, conn *dbus.Conn, name string) (Unit, bool) {
	props, err := conn.GetAllPropertiesContext(ctx, name)
	if err != nil {
		return Unit{}, false
	}
	text := func(key string) string { s, _ := props[key].(string); return plain(s) }
	u := Unit{
		LoadState: text("LoadState"), ActiveState: text("ActiveState"), SubState: text("SubState"),
		Result: text("Result"), StatusText: text("StatusText"),
	}
	u.NRestarts, _ = props["NRestarts"].(uint32)
	u.ExecMainStatus, _ = props["ExecMainStatus"].(int32)
	u.ExecMainCode, _ = props["ExecMainCode"].(int32)
	u.MainPID, _ = props["MainPID"].(uint32)
	if usec, is := props["WatchdogUSec"].(uint64); is && usec < 1<<53 {
		u.WatchdogSec = float64(usec) / 1e6
	}
	return u, true
}
