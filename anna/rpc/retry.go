package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// schedule is how long the client waits before each try after the first. It is
// published: users' scripts count on at most three retries within 0.7 s.
var schedule = [...]time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}

// activatingPause is how often a daemon that systemd is starting is tried.
const activatingPause = 250 * time.Millisecond

// crashLoop is how many restarts during one wait show that waiting is in vain.
const crashLoop = 2

// tries is what one call has been through.
type tries struct {
	client  *Client
	spec    Spec
	written bool // whether the last attempt wrote its request
	retries int
	waited  bool   // for systemd, which is starting the daemon
	began   uint32 // systemd's count of restarts when the wait began
	said    string
}

// again decides about an attempt that failed: nil means that the wait is over
// and the call may be tried once more; an error is the call's end.
func (t *tries) again(ctx context.Context, err error) error {
	var e *Error
	if !errors.As(err, &e) || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	switch e.Code {
	case SocketNotFound, ConnectionRefused, ConnectTimeout, ReadTimeout, ConnectionReset, Busy:
	default:
		return t.ended(e)
	}
	state := t.look(ctx, e.Code)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if t.repeatable(e.Code) && state.Starting() {
		return t.awaitStart(ctx, e, state)
	}
	if !t.allowed(e.Code, state) {
		return t.ended(t.judge(e, state))
	}
	pause := schedule[t.retries]
	if !fits(ctx, pause) {
		return t.ended(t.judge(e, state))
	}
	t.retries++
	if t.retries == 1 {
		t.say(e.Message + "; trying again")
	}
	return sleep(ctx, pause, e)
}

// repeatable reports whether asking once more can do no harm.
func (t *tries) repeatable(code Code) bool {
	return !t.written || t.spec.Idempotent || code == Busy
}

func (t *tries) allowed(code Code, state diagnose.State) bool {
	if t.retries >= len(schedule) || !t.repeatable(code) {
		return false
	}
	switch code.Row().Retry {
	case RetrySchedule, RetryIdempotent:
		return !state.GaveUp()
	case RetryOnce:
		return t.retries == 0 && !state.Active()
	}
	return false
}

// awaitStart waits while systemd says that the daemon is being started, and
// shows what it says about itself.
func (t *tries) awaitStart(ctx context.Context, e *Error, state diagnose.State) error {
	if !t.waited {
		t.waited, t.began = true, state.Restarts()
	}
	if state.Restarts() >= t.began+crashLoop {
		return t.ended(t.judge(Errorf(DaemonCrashed, "%s: the daemon crashes again and again", e.Message), state))
	}
	if !fits(ctx, activatingPause) {
		return t.ended(Errorf(ConnectTimeout, "%s: systemd is still starting the daemon%s", e.Message, statusText(state)))
	}
	t.say("waiting for the daemon, which systemd is starting" + statusText(state))
	return sleep(ctx, activatingPause, e)
}

// judge completes the error with what systemd, /proc and the daemon's last
// words tell.
func (t *tries) judge(e *Error, state diagnose.State) *Error {
	// A connection that was reset because the daemon, just activated, ended
	// for good is the same story as one that is refused.
	gone := e.Code == ConnectionRefused || e.Code == ConnectionReset && state.GaveUp()
	if gone && !state.Running() {
		e = Errorf(DaemonCrashed, "%s and the daemon is not running", e.Message)
	}
	story := state.Story(time.Now())
	if story != "" {
		c := *e
		c.Message += " (" + story + ")"
		e = &c
	}
	if hint := state.Hint(string(e.Code)); hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}

func (t *tries) look(ctx context.Context, code Code) diagnose.State {
	if code == Busy {
		return diagnose.State{}
	}
	look := t.client.Look
	if look == nil {
		look = func(ctx context.Context) diagnose.State { return diagnose.Look(ctx, t.client.Socket) }
	}
	// The deadline of the call must not silence the diagnosis that explains it.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	defer stop()
	return look(bounded)
}

func (t *tries) say(line string) {
	if t.client.Notice != nil && line != t.said {
		t.client.Notice(line)
	}
	t.said = line
}

func (t *tries) succeeded() {
	switch {
	case t.retries > 0:
		t.say(fmt.Sprintf("answered after %s", plural(t.retries, "retry", "retries")))
	case t.waited:
		t.say("the daemon is up")
	}
}

func (t *tries) ended(e *Error) error {
	if t.retries > 0 {
		t.say(fmt.Sprintf("gave up after %s", plural(t.retries, "retry", "retries")))
	}
	return e
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func statusText(s diagnose.State) string {
	if text := s.StatusText(); text != "" {
		return ": " + text
	}
	return ""
}

// fits reports whether a pause ends before the deadline does.
func fits(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > pause
}

// sleep waits; when ctx ends first, the call ends with the error that made it
// wait, or with the cancellation.
func sleep(ctx context.Context, d time.Duration, e *Error) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		return e
	}
}
