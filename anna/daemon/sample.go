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
// taken, and now and then the last words are written. It is one, for each time
// that the daemon wakes costs more than what it then does.
func (d *Daemon) sample(ctx context.Context, tick *beat) {
	defer context.AfterFunc(ctx, tick.stop)()
	machine := metrics.NewMachine(d.view.roots())
	var sampling atomic.Bool
	// Beside the tick: a dead file system must not stop it.
	sampleMachine := func(now time.Time) {
		if sampling.CompareAndSwap(false, true) {
			go func() {
				defer sampling.Store(false)
				d.sampled(ctx, now, machine.Sample())
			}()
		}
	}
	// Now, as the keeper began with its slow looks: they will wake together.
	began := time.Now()
	sampleMachine(began)
	nextMachine := began.Add(d.host.Config().Telemetry().Interval)
	nextWords := began.Add(wordsInterval)
	for tick.wait() {
		now := time.Now()
		cfg := d.host.Config()
		used := d.host.Resources()
		d.store().ObserveOwn(now, d.ownPoints(used)...)
		d.keeper.step(now, used)
		// Half a tick early is on time: the ticks of the two differ.
		soon := now.Add(cfg.Health().Interval / 2)
		if soon.After(nextMachine) {
			nextMachine = now.Add(cfg.Telemetry().Interval)
			sampleMachine(now)
		}
		if soon.After(nextWords) {
			nextWords = now.Add(wordsInterval)
			d.words.write("running", "")
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
