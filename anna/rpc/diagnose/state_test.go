package diagnose

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

func TestStoryAndHint(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	words := &Words{PID: 7, At: now.Add(-3 * time.Minute), State: "stopping", Reason: "SIGTERM", MemoryMB: number(71), LimitMB: number(80)}
	const seen = "last seen 3 min ago, 71 of 80 MB, stopping on SIGTERM"
	const logs = "sudo journalctl -u annad -n 20"
	unit := func(active, sub, result string, status int32, restarts uint32) State {
		s := State{Booted: true, Systemd: true}
		s.Service = Unit{LoadState: "loaded", ActiveState: active, SubState: sub, Result: result, ExecMainStatus: status, NRestarts: restarts, ExecMainCode: 2}
		return s
	}
	with := func(s State, set func(*State)) State { set(&s); return s }
	tests := []struct {
		name  string
		state State
		code  string
		story string
		hint  string // its part; "" for none
	}{
		{"nothing known", State{}, "ReadTimeout", "", ""},
		{"never started", unit("inactive", "dead", "success", 0, 0), "SocketNotFound", "it is stopped", ""},
		{"not installed", with(State{Booted: true, Systemd: true}, func(s *State) { s.Service.LoadState = "not-found" }), "SocketNotFound", "systemd knows no annad.service", "--standalone"},
		{"masked", with(State{Booted: true, Systemd: true}, func(s *State) { s.Service.LoadState = "masked" }), "SocketNotFound", "annad.service is masked", "unmask"},
		{"activated by the socket", unit("activating", "start", "success", 0, 0), "ReadTimeout", "systemd is starting it", ""},
		{"hung", with(unit("active", "running", "success", 0, 0), func(s *State) {
			s.Service.WatchdogSec, s.Service.StatusText = 20, "answering"
			s.Words = words
		}), "ReadTimeout", "systemd says it is active, status: answering", "watchdog restarts it within 20 s"},
		{"hung, unwatched", unit("active", "running", "success", 0, 0), "ReadTimeout", "systemd says it is active", ""},
		{"stopping", unit("deactivating", "stop-sigterm", "success", 0, 0), "ConnectionRefused", "systemd is stopping it", ""},
		{"broken configuration", with(unit("failed", "failed", "exit-code", 78, 0), func(s *State) {
			s.Service.ExecMainCode, s.Socket.ActiveState = 1, "failed"
		}), "ConnectionReset", "its configuration is invalid, so it does not start; annad.socket failed too", "correct /etc/anna/config.toml; then: sudo systemctl reset-failed"},
		{"no sandbox", with(unit("failed", "failed", "start-limit-hit", 226, 9), func(s *State) {
			s.Service.ExecMainCode = 1
		}), "ConnectionRefused", "systemd gave up on it: systemd may not mount here, and so cannot make its sandbox", "container.conf"},
		{"no sandbox, trying", with(unit("activating", "auto-restart", "exit-code", 226, 2), func(s *State) {
			s.Service.ExecMainCode = 1
		}), "ConnectionRefused", "systemd restarted it 2 times: systemd may not mount here, and so cannot make its sandbox", "container.conf"},
		{"failed", unit("failed", "failed", "exit-code", 3, 0), "ConnectionRefused", "systemd gave up on it: it ended with status 3", logs},
		{"failed too often", unit("failed", "failed", "start-limit-hit", 1, 5), "ConnectionRefused", "systemd gave up on it: it failed too often in a short time", "reset-failed"},
		{"killed", with(unit("inactive", "dead", "signal", 9, 0), func(s *State) { s.Words = words }), "DaemonCrashed", "it is stopped: SIGKILL ended it; " + seen, "Start with"},
		{"killed, no name", unit("inactive", "dead", "signal", 99, 0), "DaemonCrashed", "it is stopped: signal 99 ended it", "Start with"},
		{"dumped", unit("failed", "failed", "core-dump", 6, 0), "DaemonCrashed", "systemd gave up on it: it crashed with SIGABRT", "See why"},
		{"restarting, first time", unit("activating", "auto-restart", "signal", 11, 0), "ConnectionRefused", "systemd is about to restart it: SIGSEGV ended it", ""},
		{"restarting", unit("activating", "auto-restart", "watchdog", 6, 1), "ConnectionRefused", "systemd restarted it once: it hung and the watchdog ended it", ""},
		{"crash loop", unit("activating", "start", "oom-kill", 9, 4), "ConnectionRefused", "systemd restarted it 4 times: the kernel ended it for want of memory", ""},
		{"slow stop", unit("failed", "failed", "timeout", 0, 0), "ConnectionRefused", "systemd gave up on it: it did not start or stop in time", "See why"},
		{"something new", unit("failed", "failed", "resources", 0, 0), "ConnectionRefused", "systemd gave up on it: resources", "See why"},
		{"stopped", with(unit("inactive", "dead", "success", 0, 0), func(s *State) { s.Words = words }), "DaemonCrashed", "it is stopped; " + seen, "Daemon not running. Start with: sudo systemctl start annad"},
		{"no systemd, killed", State{Words: words}, "DaemonCrashed", seen, "sudo annad"},
		{"no systemd, no words", State{}, "DaemonCrashed", "", "sudo annad"},
		{"no systemd, stopped", State{Words: &Words{At: now.Add(-30 * time.Second), State: "stopped", Reason: "SIGINT"}}, "DaemonCrashed", "last seen 30 s ago, stopped on SIGINT", "Daemon was stopped"},
		{"no systemd, refused", State{PID: 7, Words: words}, "ConnectionRefused", "pid 7 runs, 71 of 80 MB, stopping on SIGTERM", "sudo annad"},
		{"between two of systemd's", with(unit("activating", "start", "success", 0, 2), func(s *State) { s.PID, s.Words = 9, words }), "ReadTimeout", "systemd restarted it 2 times; pid 9 runs; the daemon before it was " + seen, ""},
		{"about to end", State{PID: 7, Words: &Words{PID: 7, At: now.Add(-time.Second), State: "stopped", Reason: "SIGTERM"}}, "ConnectionRefused", "last seen 1 s ago, stopped on SIGTERM", "sudo annad"},
		{"hung and killed", State{Words: &Words{PID: 7, At: now.Add(-time.Second), State: "running", SelfCheck: "the event loop hangs"}}, "DaemonCrashed", "last seen 1 s ago, running, its self-check failed: the event loop hangs", "sudo annad"},
		{"another socket than systemd's", State{Booted: true}, "DaemonCrashed", "", ""},
		{"words without a time", State{Words: &Words{MemoryMB: number(5), LimitMB: number(1e300)}}, "ReadTimeout", "last seen at an unknown time, 5 MB", ""},
		{"words of tomorrow", State{Words: &Words{At: now.Add(time.Hour), MemoryMB: number(-5)}}, "ReadTimeout", "last seen at a time that is still to come", ""},
		{"old words, many findings", State{Words: &Words{At: now.Add(-72 * time.Hour), Findings: strings.Split("abcdefg", "")}}, "ReadTimeout", "last seen 3 days ago, with findings: a, b, c, d, e and 2 more", ""},
		{"words of some hours ago", State{Words: &Words{At: now.Add(-5 * time.Hour)}}, "ReadTimeout", "last seen 5 h ago", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.state.Story(now); got != test.story {
				t.Errorf("story %q, not %q", got, test.story)
			}
			if got := test.state.Hint(test.code); !strings.Contains(got, test.hint) || (test.hint == "") != (got == "") {
				t.Errorf("hint %q, not %q", got, test.hint)
			}
		})
	}
}

// TestSilentBus is a bus that accepts and says nothing: the diagnosis ends in
// time and goes on without systemd.
func TestSilentBus(t *testing.T) {
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	run := filepath.Join(dir, "run")
	if err := os.MkdirAll(filepath.Join(run, "systemd/system"), 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{}, 1)
	silent := func(ctx context.Context) (*dbus.Conn, error) {
		return dbus.NewConnection(func() (*godbus.Conn, error) {
			c, err := godbus.Dial("unix:path="+filepath.Join(dir, "bus"), godbus.WithContext(ctx))
			if err != nil {
				return nil, err
			}
			asked <- struct{}{}
			return c, c.Auth(nil)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s := look(ctx, SystemSocket, machine{run: run, proc: t.TempDir(), bus: silent})
	if !s.Booted || s.Systemd || s.Running() || s.Starting() || s.Active() || s.GaveUp() {
		t.Errorf("%+v", s)
	}
	<-asked
	none := func(context.Context) (*dbus.Conn, error) { return nil, fmt.Errorf("no bus") }
	if s := look(t.Context(), SystemSocket, machine{run: run, proc: t.TempDir(), bus: none}); s.Systemd {
		t.Errorf("%+v", s)
	}
	if s := look(t.Context(), "/other", machine{run: run, proc: t.TempDir(), bus: nil}); s.Systemd || !s.Booted {
		t.Errorf("%+v", s)
	}
	if s := Look(t.Context(), filepath.Join(dir, "sock")); s.Systemd || s.Words != nil {
		t.Errorf("%+v", s)
	}
}
