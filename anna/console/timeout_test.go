package console

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeoutIsTheWhole holds that all calls of a command share its time, which
// begins with the first of them, and that a command which goes on has it anew
// each turn.
func TestTimeoutIsTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Console{ctx: t.Context(), timeout: 10 * time.Second}
		ends := func() time.Duration {
			ctx, cancel := c.within()
			defer cancel()
			deadline, _ := ctx.Deadline()
			return time.Until(deadline)
		}
		time.Sleep(3 * time.Second) // before the first call
		if got := ends(); got != 10*time.Second {
			t.Errorf("the first call has %s", got)
		}
		time.Sleep(4 * time.Second)
		if got := ends(); got != 6*time.Second {
			t.Errorf("a call 4 s later has %s", got)
		}
		c.Renew()
		if got := ends(); got != 10*time.Second {
			t.Errorf("after Renew a call has %s", got)
		}
	})
}
