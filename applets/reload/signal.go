package reload

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// daemon is what get_version says of the daemon's process.
type daemon struct {
	PID        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
}

// pollEvery is how often the receipt is asked for: a signal has no answer.
const pollEvery = 10 * time.Millisecond

// bySignal asks with SIGHUP, and waits for the receipt of it.
func bySignal(c *console.Console) (config.Receipt, error) {
	var before, last Last
	if err := c.Call(methodLast, nil, &before); err != nil {
		return config.Receipt{}, err
	}
	if err := hangUp(c); err != nil {
		hint := "Ask over the socket instead: " + c.Path()
		if errors.Is(err, unix.EPERM) {
			hint = "Run: sudo " + c.Path() + " --signal"
		}
		return config.Receipt{}, &console.Hinted{Err: fmt.Errorf("cannot signal the daemon: %w", err), Hint: hint}
	}
	deadline := time.Now().Add(c.Timeout())
	for time.Now().Before(deadline) {
		if err := c.Call(methodLast, LastParams{Origin: "signal"}, &last); err != nil {
			return config.Receipt{}, err
		}
		// One that was under way before may have read the files before they were
		// as they are.
		if last.ID > before.Begun {
			if last.Outcome == config.Rejected {
				return last.Receipt, rejection(last.Receipt)
			}
			return last.Receipt, nil
		}
		select {
		case <-time.After(pollEvery):
		case <-c.Context().Done():
			return config.Receipt{}, c.Context().Err()
		}
	}
	return config.Receipt{}, rpc.Errorf(rpc.ReadTimeout, "cannot get the receipt: the signal was sent, and the daemon has not reloaded within %s", c.Timeout())
}

// hangUp sends SIGHUP to the daemon and to nothing else. Who that is, the
// daemon says itself; the kernel's word about the other end of the socket and
// /proc must agree, before and after a descriptor of the process is held, for
// a pid may belong to another process by now.
func hangUp(c *console.Console) error {
	said, err := identify(c)
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(said.PID, 0)
	if err != nil {
		return fmt.Errorf("cannot hold process %d: %w", said.PID, err)
	}
	defer unix.Close(fd)
	again, err := identify(c)
	if err != nil {
		return err
	}
	if again != said {
		return errors.New("the daemon was restarted meanwhile")
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGHUP, nil, 0); err != nil {
		return fmt.Errorf("cannot signal process %d: %w", said.PID, err)
	}
	return nil
}

// identify asks the daemon who it is, and holds that against what the kernel
// says.
func identify(c *console.Console) (daemon, error) {
	var said daemon
	if err := c.Call("get_version", nil, &said); err != nil {
		return said, err
	}
	peer, err := c.Peer()
	if err != nil {
		return said, err
	}
	owner, err := socketOwner(c.Socket())
	if err != nil {
		return said, err
	}
	return said, check(said, peer, owner, "/proc")
}

// check refuses whatever does not agree. The daemon runs as the owner of its
// socket or as root; where root owns the socket, as systemd makes it, whoever
// answers there was put there by root.
func check(said daemon, peer rpc.Peer, owner int, procRoot string) error {
	switch ticks, alive := diagnose.StartTime(procRoot, said.PID); {
	case said.PID <= 1 || peer.PID <= 1:
		return fmt.Errorf("it says that it is process %d, the kernel says %d, and neither may be 1", said.PID, peer.PID)
	case said.PID != peer.PID:
		return fmt.Errorf("it says that it is process %d, but process %d listens on the socket", said.PID, peer.PID)
	case peer.UID != 0 && owner != 0 && peer.UID != owner:
		return fmt.Errorf("process %d runs as user %d, and the socket belongs to user %d", peer.PID, peer.UID, owner)
	case !alive:
		return fmt.Errorf("there is no process %d", said.PID)
	case ticks != said.StartTicks:
		return fmt.Errorf("process %d did not begin when the daemon says it did", said.PID)
	}
	return nil
}

func socketOwner(path string) (int, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, fmt.Errorf("cannot look at the socket: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("cannot look at the socket's owner")
	}
	return int(st.Uid), nil
}
