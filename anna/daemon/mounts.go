package daemon

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// mountsApart is how soon after each other changes of the mounts are told of: a
// machine that starts many containers mounts all the time.
const mountsApart = time.Second

// onMounts calls change at once and after changes of the mounts in a mount table,
// until the context ends.
func onMounts(ctx context.Context, table string, change func()) error {
	notices, err := events.OpenMountNotices(table)
	if err != nil {
		return err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(woken); notices.Wake() })
	defer func() {
		if !stop() {
			<-woken
		}
		notices.Close()
	}()
	for ctx.Err() == nil {
		change()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(mountsApart):
		}
		if err := notices.Wait(); err != nil {
			return err
		}
	}
	return nil
}
