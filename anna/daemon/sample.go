package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// sample is the daemon's one tick: every [health] interval its own figures go
// to the store and are judged; every [telemetry] interval the machine's are
// taken.
func (d *Daemon) sample(ctx context.Context) {
	machine := metrics.NewMachine(metrics.LiveRoots)
	var sampling atomic.Bool
	interval := d.host.Config().Health().Interval
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var nextMachine time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			cfg := d.host.Config()
			if i := cfg.Health().Interval; i != interval {
				interval = i
				tick.Reset(i)
			}
			used := d.host.Resources()
			d.store().ObserveOwn(now, d.ownPoints(used)...)
			d.keeper.step(now, used)
			// Half a tick early is on time: the ticks of the two differ.
			if now.Add(interval / 2).After(nextMachine) {
				nextMachine = now.Add(cfg.Telemetry().Interval)
				// Beside the tick: a dead file system must not stop it.
				if sampling.CompareAndSwap(false, true) {
					go func() {
						defer sampling.Store(false)
						d.store().Observe(now, telemetry.MachinePoints(machine.Sample())...)
					}()
				}
			}
		}
	}
}

// ownPoints are the daemon's own figures and its queue's.
func (d *Daemon) ownPoints(used host.Resources) []telemetry.Point {
	queue := d.keeper.queueStatus()
	return append(telemetry.OwnPoints(used.Process, used.Memory, d.host.Latency.Overall()),
		telemetry.Point{Series: "queue_depth", Value: float64(queue.Pending)},
		telemetry.Point{Series: "queue_oldest_seconds", Value: queue.OldestSec},
		telemetry.Point{Series: "events_per_second", Value: queue.Rate1},
	)
}
