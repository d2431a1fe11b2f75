package events

import (
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what this process has used, in user and system.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u unix.Rusage
	must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }
