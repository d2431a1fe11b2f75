package health

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// older stands before a real daemon and makes it another version: one that
// knows neither history nor streams. It returns what ends it.
func older(t *testing.T, path, socket, number string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var works sync.WaitGroup
	serve := func(c net.Conn) {
		defer c.Close()
		daemon, err := net.Dial("unix", socket)
		if err != nil {
			return
		}
		defer daemon.Close()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			return
		}
		if !strings.Contains(line, `"`+methodMetrics+`"`) {
			_, rest, _ := strings.Cut(line, `"id":`)
			fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`+"\n", rest[:strings.IndexAny(rest, ",}")])
			return
		}
		fmt.Fprint(daemon, line)
		answer, _ := bufio.NewReader(daemon).ReadString('\n')
		fmt.Fprint(c, strings.ReplaceAll(answer, `"version":"`+version.Number+`"`, `"version":"`+number+`"`))
	}
	works.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			works.Go(func() { serve(c) })
		}
	})
	return func() { l.Close(); works.Wait() }
}

// TestDashboardOtherVersion holds that the dashboard goes on after a restart
// with another version, one that knows less.
func TestDashboardOtherVersion(t *testing.T) {
	long(t)
	d := annatest.Daemon(t, noDisks)
	dir, err := os.MkdirTemp("", "anna-") // t.TempDir: too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	if err := os.Symlink(d.Socket, path); err != nil {
		t.Fatal(err)
	}
	x := openTerminal(t, 100, 24, xterm, "annactl", "health", "--watch", "--interval", "200ms", "--socket", path)
	x.shows("healthy", "annad "+version.Number+" ")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	x.shows("no answer for ")
	stop := older(t, path, d.Socket, "0.11.0")
	x.shows("annad 0.11.0 (this client "+version.Number+")", "!no answer")
	stop()
	x.shows("no answer for ")
	stop = older(t, path, d.Socket, "9.9.9")
	defer stop()
	x.shows("annad 9.9.9 (this client ", "!no answer")
	x.types("q")
	x.ends(0)

	// One that was older from the start says why there are no events.
	x = openTerminal(t, 100, 24, xterm, "annactl", "health", "--watch", "--interval", "200ms", "--socket", path)
	x.shows("healthy", "no events: ")
	x.types("q")
	x.ends(0)
}
