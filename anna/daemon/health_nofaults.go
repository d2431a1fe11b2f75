//go:build !annafaults

package daemon

import (
	"context"
	"time"
)

// commitTime is how long one write of the store may take: its own bound, which
// a disk that hangs ignores.
const commitTime = 25 * time.Second

// misbehave is for the tests of health: the daemon that is shipped has none.
func (d *Daemon) misbehave(context.Context) {}

func misbehaveHandling(context.Context) {}
