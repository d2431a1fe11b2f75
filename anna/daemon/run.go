package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// selfCheckTime bounds the request that the daemon sends itself.
const selfCheckTime = 5 * time.Second

// Run is the daemon as a program: it starts, tells systemd how it does, and
// stops on SIGTERM or SIGINT.
func Run(opts Options) error {
	// First of all: from here on a SIGHUP reloads and never ends the daemon,
	// also while it starts. A channel for each kind, for a storm of the one
	// must not make the other be dropped.
	hangups, ends := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(hangups, unix.SIGHUP)
	signal.Notify(ends, unix.SIGTERM, unix.SIGINT)
	defer signal.Ignore(unix.SIGHUP) // to the last moment
	defer signal.Stop(ends)
	// Nothing for others, ever; the group may read where a file's own mode says so.
	unix.Umask(0o027)
	boundMemory()

	notify("STATUS=starting")
	d, err := Start(context.Background(), opts)
	if err != nil {
		notify(fmt.Sprintf("STATUS=cannot start: %s", firstLine(err)))
		return err
	}
	notify("READY=1\nSTATUS=" + d.status())
	go d.reloadOnSignals(hangups)
	watchdog, period := d.watchdog()
	defer watchdog.stop()
	for {
		select {
		case s := <-ends:
			reason := unix.SignalName(s.(unix.Signal))
			notify("STOPPING=1\nSTATUS=stopping on " + reason)
			d.Stop(reason)
			return nil
		case err := <-d.Served():
			d.Stop("it cannot accept connections")
			if err == nil {
				err = errors.New("its socket was closed")
			}
			return fmt.Errorf("cannot go on: %w", err)
		case <-watchdog.C:
			watchdog.turned()
			d.pet(period)
		}
	}
}

// reloadOnSignals reloads for each SIGHUP, until the daemon stops: beside
// everything else, for a reload may take its time, and neither an end nor a sign
// of life may wait for it.
func (d *Daemon) reloadOnSignals(hangups <-chan os.Signal) {
	for range hangups {
		if d.reloads.ended.Load() {
			return
		}
		d.reloadOnSignal()
	}
}

// reloadOnSignal is systemd's reload protocol (sd_notify(3), RELOADING=1): the
// start and the monotonic time in one datagram, and ready again whatever
// happens, for systemd waits for that without a limit.
func (d *Daemon) reloadOnSignal() {
	notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=reloading the configuration", monotonicUsec()))
	defer func() { notify("READY=1\nSTATUS=" + d.status()) }()
	errno := 0 // which takes back that of a rejected one before
	if rec, err := d.Reload("signal", nil); err != nil || rec.Outcome == config.Rejected {
		errno = int(unix.EINVAL)
	}
	notify(fmt.Sprintf("ERRNO=%d", errno))
}

// monotonicUsec is CLOCK_MONOTONIC, as systemd compares it.
func monotonicUsec() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano() / 1000
}

// status is one line for `systemctl status`.
func (d *Daemon) status() string {
	text := fmt.Sprintf("%s, answering on %s", d.host.Version.Version, d.Socket)
	if _, rejected := d.reloads.status(); rejected != nil {
		text += "; the configuration on disk is invalid, an earlier one holds"
	}
	if worst := healthText(d.host.Health.State()); worst != "" {
		text += "; " + worst
	}
	return text
}

// watchdog ticks when systemd expects a sign of life: twice in its interval,
// which is the period. Where it expects none, it never ticks.
func (d *Daemon) watchdog() (ticks *rhythmic, period time.Duration) {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return &rhythmic{}, 0
	}
	return d.rhythm.start(interval / 2), interval
}

// pet gives the sign of life, after a real request has gone through the
// daemon's own socket and every loop has turned: a daemon that no client can
// reach, or that does nothing behind its socket, must not look alive. It is
// found out before the period is over, so that the daemon can leave word of it.
func (d *Daemon) pet(period time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), min(selfCheckTime, period/4))
	defer cancel()
	self := &rpc.Client{
		Socket: d.Socket, Spec: d.opts.Table.Spec,
		// What systemd thinks of this daemon does not help it.
		Look: func(context.Context) diagnose.State { return diagnose.State{} },
	}
	err := self.Call(ctx, "get_version", nil, nil)
	d.keeper.checked(err)
	if err != nil && d.socket.inherited && d.keeper.file.away() {
		// The next daemon would inherit the same socket, which nobody finds:
		// an end would mend nothing. The finding about the socket says what does.
		err = nil
	}
	if err == nil {
		err = d.keeper.hangs(time.Now())
	}
	d.keeper.fit(err)
	if err != nil {
		d.log.Error("self-check failed", "error", err)
		notify("STATUS=self-check failed: " + firstLine(err))
		return
	}
	notify("WATCHDOG=1")
}

// memoryLimit is where the garbage collector begins to work harder. This is the
// one place that says it; the unit does not. It is twice what the daemon needs,
// and what hostile clients can make it hold at once stays within 20 MB by it:
// far below the first threshold, so that garbage alone never raises a finding.
const memoryLimit = 24 << 20

// boundMemory sets the limit unless the environment does (GOMEMLIMIT).
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}

func firstLine(err error) string {
	for i, r := range err.Error() {
		if r == '\n' {
			return err.Error()[:i]
		}
	}
	return err.Error()
}
