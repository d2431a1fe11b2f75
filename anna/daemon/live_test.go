package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// TestLiveLimits holds that the limits of clients change with the reload that
// changes them: for the next request, and for the next connection.
func TestLiveLimits(t *testing.T) {
	dir, err := os.MkdirTemp("", "anna-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, file: filepath.Join(dir, "config.toml")}
	r.write(calm + "[daemon]\nrequest_timeout = \"100ms\"\nmax_connections = 8\n")
	o := r.options()
	o.Table = applet.Table{{Name: "slow", Summary: "slow", Methods: []applet.Method{{
		Spec: rpc.Spec{Name: "get_slow", Summary: "slow", Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true},
		Serve: func(_ *host.Host, r *rpc.Request) (any, error) {
			select {
			case <-time.After(500 * time.Millisecond):
				return true, nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		},
	}}}}
	if r.Daemon, err = Start(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	client := &rpc.Client{Socket: r.Socket, Spec: o.Table.Spec}
	ask := func() error { return client.CallOnce(context.Background(), "get_slow", nil, nil) }
	var e *rpc.Error
	if err := ask(); !errors.As(err, &e) || e.Code != rpc.Timeout {
		t.Errorf("with 100ms for it: %v", err)
	}
	var open []net.Conn
	refused := func() bool {
		c, err := net.Dial("unix", r.Socket)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		fmt.Fprintln(c, `{"jsonrpc":"2.0","id":1,"method":"no"}`)
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			return true
		}
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		rest := make([]byte, 4096)
		c.Read(rest)
		_, err = c.Read(rest)
		return !errors.Is(err, os.ErrDeadlineExceeded)
	}
	for range 8 {
		refused()
	}
	if !refused() {
		t.Error("a ninth connection is accepted")
	}
	r.write(calm + "[daemon]\nrequest_timeout = \"10s\"\nmax_connections = 64\n")
	r.load(config.Applied)
	if refused() {
		t.Error("a tenth connection is refused")
	}
	for _, c := range open {
		c.Close()
	}
	if err := ask(); err != nil {
		t.Errorf("with 10s for it: %v", err)
	}
}
