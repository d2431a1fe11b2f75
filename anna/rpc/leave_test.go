package rpc

import (
	"bufio"
	"net"
	"strings"
	"testing"
)

// TestLeave holds that a follower who leaves is no error of the daemon's,
// although the next item finds nobody.
func TestLeave(t *testing.T) {
	h := start(t)
	const followers = 20 // each leaves during a write, or between two
	for range followers {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(ask("count", 1, "") + "\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for range followers {
		if o := <-h.seen; o.Code != Cancelled || !o.Canceled {
			t.Errorf("it counts as %+v", o)
		}
	}
	if text := h.log.String(); strings.Contains(text, "level=ERROR") {
		t.Errorf("the log has errors:\n%s", text)
	}
}
