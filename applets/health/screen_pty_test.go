package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// long skips with -short what takes seconds in a program of its own, of which a
// run with the race detector learns nothing.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes seconds")
	}
}

var xterm = []string{"TERM=xterm-256color"}

// TestDashboardKeys walks through the dashboard with the real program in a
// terminal: what is shown comes from a daemon.
func TestDashboardKeys(t *testing.T) {
	d := annatest.Daemon(t, noDisks)
	for range 3 {
		ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_version"}`)
	}
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
	x.shows("● healthy", "annad 0.12.7", "every 1s", "▸ latency", "get_version", "memory", "queue", "capabilities", "findings", "events", "q quit  ? help")
	x.types("?")
	x.shows("close the innermost thing", "Esc closes")
	x.types("\x1b")
	x.shows("!close the innermost thing")
	x.types("\r")
	x.shows("requests since the start")
	x.types("\x1b")
	x.shows("!requests since the start")
	x.types("/get_ver\r")
	x.shows("filter: get_ver")
	x.types("\x1b")
	x.shows("!filter: ")
	x.types("p")
	x.shows("paused, p goes on")
	x.types(" ")
	x.shows("!paused", "every 1s")
	x.types("++")
	x.shows("every 200ms")
	x.types("-")
	x.shows("every 500ms")
	x.types("\t\x1b[C\x1b[Z")
	x.shows("▸ memory")
	x.types("f")
	x.shows("▸ memory", "!findings")
	x.types("f")
	x.shows("findings")
	x.types("m")

	x.resize(120, 40)
	x.shows("warning at 60 MB, critical at 70 MB", "failed")
	x.resize(40, 12)
	x.shows("latency p99", "modules ", "▸ findings", "q quit")
	x.resize(30, 5)
	x.shows("● healthy", "!findings", "!q quit")
	x.resize(80, 24)
	x.shows("capabilities")
	x.types("q")
	x.ends(0)
	x.shows("watched annad on ", "worst level ") // of whatever disks other tests have
}

// TestDashboardDoesNotCount holds that watching changes nothing that it shows:
// not one request of the dashboard is in a window, while it polls, follows,
// finds the daemon gone and back, and after it has left.
func TestDashboardDoesNotCount(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	figures := func() (m Metrics) {
		t.Helper()
		result, _ := ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_health_metrics","params":{"observer":true}}`)
		if err := json.Unmarshal(result, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	uncounted := func(when string, least uint64) {
		t.Helper()
		m := figures()
		if m.Requests.Total != 0 || m.Requests.LifeMS.Count != 0 || m.RPCLatency.Samples != 0 || m.RPCLatency.Avg != nil {
			t.Errorf("%s: watching was counted: %+v, %+v", when, m.Requests, m.RPCLatency)
		}
		for _, one := range m.RPCMethods {
			if one.Requests != 0 || one.LatencyMS.Samples != 0 {
				t.Errorf("%s: %s was counted: %+v", when, one.Name, one)
			}
		}
		if m.Requests.Self < least {
			t.Errorf("%s: %d requests were counted apart", when, m.Requests.Self)
		}
	}
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--interval", "100ms", "--socket", d.Socket)
	x.shows("unknown (no request has been answered yet)", "active", "no method was called yet")
	for deadline := time.Now().Add(20 * time.Second); figures().Requests.Self < 40; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the dashboard does not ask")
		}
	}
	x.shows("unknown (no request has been answered yet)")
	uncounted("while it polls", 40)
	d.Signal(syscall.SIGKILL)
	d.Wait()
	x.shows("no answer")
	d.Start()
	x.shows("!no answer")
	uncounted("after a restart", 1)
	x.types("q")
	x.ends(0)
	// The streams are counted when they end, which the daemon sees by itself.
	time.Sleep(200 * time.Millisecond)
	uncounted("after it left", 3)
}

// TestDashboardRecovers kills the daemon under the dashboard and starts it
// again: the picture stays, says since when, and comes back by itself.
func TestDashboardRecovers(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
	x.shows("healthy", "every 1s")
	d.Signal(syscall.SIGKILL)
	d.Wait()
	x.shows("no answer for ", " s, retrying", "healthy", "findings", "nobody listens")
	x.shows("no answer for ", "!no answer for 1 s, retrying") // the seconds go on
	d.Start()
	x.shows("every 1s", "!no answer")
	d.Signal(syscall.SIGSTOP)
	x.shows("no answer for ", "the daemon takes long to answer")
	d.Signal(syscall.SIGCONT)
	x.shows("every 1s", "!no answer")
	x.types("q")
	x.ends(0)
}

// noDisks keeps what other tests do to their disks out of the daemon's health.
const noDisks = "[modules]\nbtrfs = false\n"

// quiet switches off what other tests make events with, too: they would fill the
// screen.
const quiet = noDisks + "devices = false\nstorage = false\nnetwork = false\npackages = false\nkernel = false\n"

// TestDashboardEvents holds that events are pushed: one shows although nobody
// asks for a minute.
func TestDashboardEvents(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "watched")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1")
	d := annatest.Daemon(t, quiet+fmt.Sprintf("[events]\nwatch_files = [%q]\ndebounce = \"50ms\"\n", file))
	x := openTerminal(t, 120, 40, xterm, "annactl", "health", "--watch", "--interval", "1m", "--socket", d.Socket)
	x.shows("events", "every 1m0s")
	for i := range 100 { // the watch may not stand yet
		write(fmt.Sprint(i))
		if strings.Contains(x.screen(), file) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	x.shows(file, "config")
	x.types("q")
	x.ends(0)
}

// TestDashboardNames shows names of the machine that mean something to
// terminals and to the library that draws, as what they are, in a real terminal.
func TestDashboardNames(t *testing.T) {
	long(t)
	dir := t.TempDir()
	names := []string{"[red]tag[-]", "日本語 ファイル", `["x"]`}
	var quoted []string
	for _, name := range names {
		file := filepath.Join(dir, name)
		quoted = append(quoted, "'"+file+"'")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := annatest.Daemon(t, quiet+"[events]\nwatch_files = ["+strings.Join(quoted, ", ")+"]\ndebounce = \"50ms\"\ncooldown = \"100ms\"\n")
	x := openTerminal(t, 120, 40, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
	x.shows("events")
	for i := 0; !strings.Contains(x.screen(), names[0]) && i < 20; i++ { // the watch may not stand yet
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), fmt.Append(nil, i), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	}
	for _, name := range names {
		x.shows(name + " changed")
	}
	x.types("q")
	x.ends(0)

	// What no configuration lets through may come from another's daemon.
	path := filepath.Join(filepath.Dir(d.Socket), "front")
	stop := older(t, path, d.Socket, `9[red]\u001b[31mred\u001b]0;t\u0007\u009b2J`)
	defer stop()
	x = openTerminal(t, 120, 40, xterm, "annactl", "health", "--watch", "--socket", path)
	x.shows(`annad 9[red]\x1b[31mred\x1b]0;t\x07\u009b2J`)
	x.types("q")
	x.ends(0)
	if all := x.said(); strings.Contains(all, "\x1b]0;t") || strings.Contains(all, "\x1b[31mred") || strings.Contains(all, "\u009b") {
		t.Error("a name reached the terminal as it is")
	}
}

// TestDashboardEnds leaves in every way there is; the terminal is as before
// after each.
func TestDashboardEnds(t *testing.T) {
	d := annatest.Daemon(t, noDisks)
	for name, leave := range map[string]func(*terminal){
		"q":       func(x *terminal) { x.types("q") },
		"Ctrl-C":  func(x *terminal) { x.types("\x03") },
		"filter":  func(x *terminal) { x.types("m/x\x03") },
		"SIGTERM": func(x *terminal) { x.types("m"); x.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(x *terminal) { x.cmd.Process.Signal(syscall.SIGHUP) },
		"SIGINT":  func(x *terminal) { x.cmd.Process.Signal(syscall.SIGINT) },
		"stopped": func(x *terminal) { d.Signal(syscall.SIGSTOP); x.shows("no answer"); x.types("q") },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "stopped" {
				long(t)
			}
			x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
			defer d.Signal(syscall.SIGCONT)
			x.shows("healthy", "findings")
			leave(x)
			x.ends(0)
			x.shows("watched annad on ")
		})
	}
	t.Run("at once", func(t *testing.T) {
		cycles := 10
		if testing.Short() {
			cycles = 2
		}
		for range cycles {
			x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
			x.types("q")
			x.ends(0)
		}
	})
	t.Run("hung up", func(t *testing.T) { // the terminal itself goes away
		x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket)
		x.shows("healthy")
		x.pty.Close()
		select {
		case <-x.exited:
		case <-time.After(20 * time.Second):
			t.Fatal("it goes on without a terminal")
		}
	})
}

// TestDashboardStops stops the dashboard with Ctrl-Z in a shell, more than once:
// the shell has a clean terminal, and fg brings the dashboard back.
func TestDashboardStops(t *testing.T) {
	d := annatest.Daemon(t, noDisks)
	x := openTerminal(t, 80, 24, append([]string{"PS1=shell> "}, xterm...), "/bin/bash", "--norc", "--noprofile", "-i")
	x.shows("shell>")
	x.types("annactl health --watch --socket " + d.Socket + "\r")
	x.shows("healthy", "findings", "q quit")
	for range 2 {
		x.types("\x1a")
		x.shows("Stopped", "shell>", "!findings")
		all := x.said()
		for _, pair := range [][2]string{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?25l", "\x1b[?25h"}} {
			if strings.LastIndex(all, pair[0]) > strings.LastIndex(all, pair[1]) {
				t.Errorf("it stopped without %q", pair[1])
			}
		}
		x.types("stty -a | grep -o -w -E -e '-?(icanon|isig|ixon|opost|icrnl)' | sort | xargs echo modes:\r")
		x.shows("modes: icanon icrnl isig ixon opost")
		x.types("fg\r")
		x.shows("healthy", "findings", "q quit", "every 1s")
	}
	x.types("/x\x1a") // in the middle of a filter, too
	x.shows("Stopped", "!findings")
	x.types("fg\r")
	x.shows("filter: x")
	x.types("\x1b")
	x.shows("!filter: x")
	x.types("q")
	x.shows("watched annad on ", "shell>")
	x.types("exit\r")
	x.ends(0)
}

// TestDashboardFlood ends and stops a dashboard into which more is typed than
// it can follow, as by a cat on the keyboard.
func TestDashboardFlood(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--interval", "100ms", "--socket", d.Socket)
		x.shows("healthy", "findings")
		// A process of its own: its write blocks where nobody reads any more.
		cat := exec.Command("yes", "jk\t")
		cat.Stdout = x.pty
		if err := cat.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cat.Process.Kill(); cat.Wait() })
		time.Sleep(500 * time.Millisecond)
		x.cmd.Process.Signal(sig)
		select {
		case <-x.exited:
		case <-time.After(20 * time.Second):
			t.Fatalf("%v does not end it", sig)
		}
		if status := x.cmd.ProcessState.ExitCode(); status != 0 {
			t.Errorf("%v: exit status %d", sig, status)
		}
	}
}

// TestDashboardStopsAlone holds that Ctrl-Z without a shell that could continue
// it leaves the dashboard as it is, and that Ctrl-S and Ctrl-Q are keys without
// a meaning: they freeze nothing.
func TestDashboardStopsAlone(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--interval", "200ms", "--socket", d.Socket)
	x.shows("healthy", "findings")
	for _, key := range []string{"\x1a", "\x13", "\x11", "\x1c", "\x04"} {
		x.types(key)
		time.Sleep(500 * time.Millisecond) // a key in the moment of a stop that is none is not heard
		x.types("?")
		x.shows("close the innermost thing")
		x.types("\x1b")
		x.shows("!close the innermost thing", "findings")
	}
	x.types("q")
	x.ends(0)
}

// TestDashboardPlain falls back to plain text where nothing can be drawn.
func TestDashboardPlain(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	for _, env := range [][]string{{"TERM=dumb"}, nil, {"TERM=no-such-terminal"}} {
		x := openTerminal(t, 80, 50, env, "annactl", "health", "--watch", "--interval", "200ms", "--socket", d.Socket)
		x.shows("latency       ", "capabilities  ")
		time.Sleep(500 * time.Millisecond)
		if n := strings.Count(x.screen(), "healthy · annad"); n < 2 {
			t.Errorf("%v: shown %d times", env, n)
		}
		if strings.Contains(x.said(), "\x1b[?1049h") {
			t.Errorf("%v: it draws", env)
		}
		x.types("\x03")
		x.ends(0)
	}
	// A pipe, with a terminal beside it.
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--json", "--interval", "200ms", "--socket", d.Socket)
	x.shows(`{"level":"ok"`)
	x.types("\x03")
	x.ends(0)
	cmd := exec.Command("sh", "-c", `"$0" health --watch --interval 100ms --socket "$1" | head -n 12`, filepath.Join(annatest.Build(t), "annactl"), d.Socket)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}, xterm...)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "healthy") != 2 || strings.Contains(string(out), "\x1b") {
		t.Errorf("into a pipe: %v\n%s", err, out)
	}
}

// TestDashboardModes holds ASCII, no colours, and a daemon of its own.
func TestDashboardModes(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	x := openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--ascii", "--socket", d.Socket)
	x.shows("* healthy", "> latency")
	if screen := x.screen(); strings.ContainsFunc(screen, func(r rune) bool { return r > 127 }) {
		t.Errorf("beyond ASCII:\n%s", screen)
	}
	x.types("q")
	x.ends(0)
	// A locale that shows no UTF-8 asks for the same.
	for _, locale := range []string{"LANG=C", "LC_ALL=POSIX", "LC_CTYPE=de_DE.ISO-8859-1"} {
		x := openTerminal(t, 80, 24, append([]string{locale}, xterm...), "annactl", "health", "--watch", "--socket", d.Socket)
		x.shows("* healthy", "> latency", "q quit")
		if all := x.said(); strings.ContainsFunc(all, func(r rune) bool { return r > 127 }) || strings.Contains(x.screen(), "?unknown") {
			t.Errorf("%s: beyond ASCII:\n%s", locale, x.screen())
		}
		x.types("q")
		x.ends(0)
	}
	for _, words := range [][]string{{"NO_COLOR=1"}, {"X=", "--no-color"}} {
		x := openTerminal(t, 80, 24, append([]string{words[0]}, xterm...), append([]string{"annactl", "health", "--watch", "--socket", d.Socket}, words[1:]...)...)
		x.shows("healthy", "findings")
		x.types("q")
		x.ends(0)
		for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[38"} {
			if strings.Contains(x.said(), code) {
				t.Errorf("%v: it paints %q", words, code)
			}
		}
	}
	x = openTerminal(t, 80, 24, xterm, "anna", "health", "--watch", "--standalone")
	x.shows("private, for this command", "healthy", "get_version")
	x.types("q")
	x.ends(0)
	x.shows("watched annad on")
	x = openTerminal(t, 80, 24, xterm, "annactl", "health", "--watch", "--socket", d.Socket+".none")
	x.ends(10)
	x.shows("Daemon not running")
}

// TestDashboardNoTerminal holds that a stdout which is a terminal is not enough
// where there is no controlling one.
func TestDashboardNoTerminal(t *testing.T) {
	annatest.Require(t, annatest.PTY)
	d := annatest.Daemon(t, noDisks)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	cmd := exec.Command(filepath.Join(annatest.Build(t), "annactl"), "health", "--watch", "--interval", "100ms", "--socket", d.Socket)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}, xterm...)
	cmd.Stdout = slave
	var said strings.Builder
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := master.Read(buf)
	cmd.Process.Signal(syscall.SIGTERM)
	err = errors.Join(err, cmd.Wait())
	if err != nil || !strings.Contains(string(buf[:n]), "healthy") || !strings.Contains(said.String(), "no terminal to draw on") {
		t.Errorf("%v, %q, %q", err, buf[:n], said.String())
	}
}
