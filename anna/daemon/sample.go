package daemon

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// sample is the daemon's tick: every [health] interval its own figures go to
// the store and are judged. All of it comes from memory and passes the Go
// runtime by (see beat), so that it costs one wake-up. What costs more, and what
// may wait for a disk, is done to the rhythm, beside it.
func (d *Daemon) sample(ctx context.Context, tick *beat) {
	defer context.AfterFunc(ctx, tick.stop)()
	for tick.wait() {
		now := time.Now()
		used := d.host.Resources()
		d.store().ObserveOwn(now, d.ownPoints(used)...)
		d.keeper.step(now, used)
	}
}

// survey looks at the machine: every [telemetry] interval its figures are taken
// and the rules judged, and every slowly the program's file is looked at. A dead
// file system can stop it, and nothing else.
func (d *Daemon) survey(ctx context.Context) {
	machine := metrics.NewMachine(d.view.roots())
	tick := d.rhythm.start(slowly)
	defer tick.stop()
	var nextMachine, nextSlow time.Time
	for {
		now := time.Now()
		interval := d.host.Config().Telemetry().Interval
		step := common(interval, slowly)
		soon := now.Add(step / 2) // half a step early is on time
		if soon.After(nextMachine) {
			nextMachine = now.Add(interval)
			d.sampled(ctx, now, machine.Sample())
		}
		if soon.After(nextSlow) {
			nextSlow = now.Add(slowly)
			d.keeper.program.look()
		}
		tick.set(step)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			tick.turned()
		}
	}
}

// sampled is what follows from a sample of the machine: it is stored, and the
// rules are asked.
func (d *Daemon) sampled(ctx context.Context, now time.Time, s metrics.MachineSample) {
	d.store().Observe(now, telemetry.MachinePoints(s)...)
	d.advisor.step(ctx, now, s)
}

// common is the longest time that both are multiples of, a second or more.
func common(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, time.Second)
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
