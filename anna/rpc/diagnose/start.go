package diagnose

import (
	"context"
	"fmt"

	"github.com/coreos/go-systemd/v22/dbus"
)

// Start has systemd forget that the daemon's units failed and start them, and
// waits for the outcome. It is systemd that decides whether the caller may.
func Start(ctx context.Context) error {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return fmt.Errorf("cannot reach systemd: %w", err)
	}
	defer conn.Close()
	for _, unit := range []string{socketUnit, serviceUnit} {
		_ = conn.ResetFailedUnitContext(ctx, unit) // it may not have failed
		done := make(chan string, 1)
		if _, err := conn.StartUnitContext(ctx, unit, "replace", done); err != nil {
			return fmt.Errorf("cannot start %s: %w", unit, err)
		}
		select {
		case result := <-done:
			if result != "done" {
				return fmt.Errorf("cannot start %s: systemd says %s", unit, result)
			}
		case <-ctx.Done():
			return fmt.Errorf("cannot start %s: %w", unit, ctx.Err())
		}
	}
	return nil
}
