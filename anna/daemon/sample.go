package daemon

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// sampler feeds the store: the daemon's own figures every [health] interval,
// the machine's every [telemetry] interval.
func (d *Daemon) sample(ctx context.Context) {
	machine := metrics.NewMachine(metrics.LiveRoots)
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
			d.store().ObserveOwn(now, d.ownPoints()...)
			// Half a tick early is on time: the ticks of the two differ.
			if now.Add(interval / 2).After(nextMachine) {
				nextMachine = now.Add(cfg.Telemetry().Interval)
				d.store().Observe(now, telemetry.MachinePoints(machine.Sample())...)
			}
		}
	}
}

// ownPoints are the daemon's own figures and its queue's.
func (d *Daemon) ownPoints() []telemetry.Point {
	used, queue := d.host.Resources(), d.engine.Status()
	return append(telemetry.OwnPoints(used.Process, used.Memory, d.host.Latency.Overall()),
		telemetry.Point{Series: "queue_depth", Value: float64(queue.Pending)},
		telemetry.Point{Series: "queue_oldest_seconds", Value: queue.OldestSec},
		telemetry.Point{Series: "events_per_second", Value: queue.Rate1},
	)
}
