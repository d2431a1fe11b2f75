package daemon_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestHangupWhileStarting holds that a reload that is asked for while the
// daemon starts happens, once it has.
func TestHangupWhileStarting(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	p := start(t, dir, "export NOTIFY_SOCKET="+path+";")
	_, err = conn.Read(make([]byte, 4096)) // its first word
	check(t, err)
	check(t, p.Process.Signal(syscall.SIGHUP))
	go func() {
		for err == nil {
			_, err = conn.Read(make([]byte, 4096))
		}
	}()
	p.answers(t, p.Socket)
	for deadline := time.Now().Add(20 * time.Second); lastBySignal(t, p.Socket) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it was lost\n%s", p.errs.String())
		}
	}
	p.Process.Signal(syscall.SIGTERM)
	check(t, p.end(t))
}

// lastBySignal is the number of the last attempt that a signal asked for.
func lastBySignal(t *testing.T, socket string) int64 {
	t.Helper()
	c, err := net.Dial("unix", socket)
	check(t, err)
	defer c.Close()
	fmt.Fprintln(c, `{"jsonrpc":"2.0","id":1,"method":"get_last_reload","params":{"origin":"signal"}}`)
	var answer struct{ Result struct{ ID int64 } }
	check(t, json.NewDecoder(bufio.NewReader(c)).Decode(&answer))
	return answer.Result.ID
}
