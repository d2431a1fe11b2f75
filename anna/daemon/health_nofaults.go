//go:build !annafaults

package daemon

import (
	"context"
	"time"
)

// commitTime is how long one write of the store may take: its own bound, which
// a disk that hangs ignores.
const commitTime = 25 * time.Second

// hangTime is how long a loop may stand still, beyond what it may take, before
// the watchdog is left to end the daemon: long enough for the finding to be
// raised and told.
const hangTime = time.Minute

// withheldSpan is the time over which what the CPU limit took is summed up.
const withheldSpan = time.Minute

// misbehave is for the tests of health: the daemon that is shipped has none.
func (d *Daemon) misbehave(context.Context) {}

func misbehaveHandling(context.Context) {}

func misbehaveAnswering() {}
