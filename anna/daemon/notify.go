package daemon

import (
	"log/slog"
	"net"
	"os"
	"time"
)

// notifyTime bounds a word to the service manager: one that does not listen
// must not stop the daemon from hearing its signals.
const notifyTime = 250 * time.Millisecond

// notify tells the service manager (sd_notify(3)): one datagram to the socket
// that NOTIFY_SOCKET names. Elsewhere it does nothing. Package go-systemd does
// the same, but waits without a limit for a manager that does not read.
func notify(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	// A name that begins with @ is in the abstract name space; package net
	// knows that as well.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(notifyTime))
		_, err = c.Write([]byte(state))
	}
	if err != nil {
		slog.Debug("cannot notify the service manager", "error", err)
	}
}
