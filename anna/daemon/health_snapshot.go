package daemon

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// slowly is how often what costs files or changes slowly is looked at.
const slowly = 10 * time.Second

// snapshot gathers all that the checks look at. The caller holds the lock.
func (k *keeper) snapshot(now time.Time, used host.Resources) health.Snapshot {
	d := k.d
	quick := d.host.Latency.Overall()
	faults := d.faults.Stats()
	s := health.Snapshot{
		Private:  d.opts.Private,
		Requests: health.Requests{P99: quick.P99, Samples: quick.Count, Failed: faults.Errors, Answered: faults.Count},
		Memory: health.Memory{
			Used: reading(used.Memory.Working), Reclaimable: reading(used.Memory.Reclaimable), Limit: reading(used.Memory.Limit),
			LimitHits: k.hits.reading(now, used.Cgroup.LimitHits), Kills: k.killsSince(now, used.Cgroup.OOMKills),
		},
		Tasks: health.Share{Used: reading(used.Cgroup.Tasks), Limit: reading(used.Cgroup.TasksLimit)},
		Files: health.Share{Used: reading(used.Process.Descriptors), Limit: reading(used.Process.DescriptorLimit)},
		Self:  *k.self.Load(), Socket: k.file.look(), Clock: k.clock.look(now), Previous: k.previous,
	}
	s.Previous.Ago = now.Sub(d.host.Started)
	s.Filesystems = d.mods.filesystems()
	if p, ok := used.Cgroup.MemoryPressure.Get(); ok {
		s.Memory.Pressure = health.Known(p.Some.Avg60)
	} else {
		s.Memory.Pressure.Reason = used.Cgroup.MemoryPressure.Why()
	}
	withheld := k.withheld.reading(now, used.Cgroup.ThrottledUsec)
	s.CPU.Withheld = health.Reading[time.Duration]{Value: time.Duration(withheld.Value) * time.Microsecond, Known: withheld.Known, Reason: withheld.Reason}
	if now.Add(d.host.Config().Health().Interval / 2).After(k.nextSlow) { // half a tick early is on time
		k.nextSlow = now.Add(slowly)
		k.growth = k.growing(now)
	}
	k.scrubFigures(now)
	s.Scrubs = k.scrubs
	s.Program, s.Memory.Growth = k.program.seen(), k.growth
	k.queueFigures(now, &s)
	k.storeFigures(now, &s)
	k.configFigures(&s)
	for _, r := range d.host.Capabilities() {
		// The store is looked at by itself; and what lacks a right by how anna
		// is installed is no trouble.
		bad := r.State == capability.Degraded && !r.AsInstalled || r.State == capability.Failed
		if bad && r.Module != "telemetry" {
			s.Modules = append(s.Modules, health.Module{Name: r.Module, Why: r.Why, Do: r.Do, Failed: r.State == capability.Failed, Failures: r.Failures})
		}
	}
	return s
}

// scrubFigures judges scrubs anew when there is news of them, and slowly besides.
func (k *keeper) scrubFigures(now time.Time) {
	w := k.d.mods.scrubs()
	if w == nil {
		k.scrubs, k.scrubsSeen = health.Reading[[]health.Scrub]{Reason: switchedOff("btrfs")}, nil
		return
	}
	if seen := w.published.Load(); seen != k.scrubsSeen || seen == nil || now.Sub(k.scrubsAt) >= slowly {
		k.scrubs, k.scrubsSeen, k.scrubsAt = w.judge(now, k.d.host.Config().Btrfs().ScrubMaxAge), seen, now
	}
}

func reading[T any](f metrics.Figure[T]) health.Reading[T] {
	if !f.Known {
		f.Reason = f.Why()
	}
	return health.Reading[T](f)
}

// killsSince counts the kills since the start.
func (k *keeper) killsSince(now time.Time, f metrics.Figure[uint64]) health.Reading[uint64] {
	r := k.kills.reading(now, f)
	if r.Known {
		k.killed = max(k.killed, r.Value)
		r.Value = k.killed
	}
	return r
}

// queueFigures are those of the event engine.
func (k *keeper) queueFigures(now time.Time, s *health.Snapshot) {
	cfg := k.d.host.Config().Events()
	q, blocked := k.queue.get()
	s.Queue = health.Queue{Overdue: int(q.Overdue), Dropped: k.dropped.add(now, q.Dropped), Limit: cfg.QueueLimit}
	if q.Overdue > 0 {
		s.Queue.Late = max(0, time.Duration(q.OldestSec*float64(time.Second))-cfg.Debounce-cfg.Cooldown)
	}
	s.Handler = health.Handler{Stuck: q.Handler.Stuck, Running: time.Duration(q.Handler.RunningSec * float64(time.Second))}
	if blocked > 0 {
		s.Handler = health.Handler{Stuck: true, Running: blocked}
	}
	if q.Spool.State == events.SpoolMemory || q.Spool.State == events.SpoolForeign {
		s.Spool = health.Trouble{What: q.Spool.Reason, Fix: "Look at the state directory: sudo ls -la " + k.d.host.Config().Daemon().StateDir}
	}
}

func (k *keeper) storeFigures(now time.Time, s *health.Snapshot) {
	store := k.d.store()
	for _, t := range store.Trouble() {
		s.Store.Troubles = append(s.Store.Troubles, health.Trouble{What: t.What, Why: t.Why, Fix: t.Fix})
	}
	if since := store.Writing(); !since.IsZero() {
		s.Store.Stalled = max(0, now.Sub(since)-commitTime)
	}
}

func (k *keeper) configFigures(s *health.Snapshot) {
	last, rejected := k.d.reloads.status()
	k.receipt = last.ID
	s.Config.Generation, s.Config.Path = last.Generation, k.d.opts.ConfigPath
	for _, w := range last.Waiting {
		s.Config.Waiting = append(s.Config.Waiting, w.Key)
	}
	if rejected == nil {
		return
	}
	s.Config.Rejected, s.Config.Problem = true, "the log says why"
	for _, p := range rejected.Problems {
		if p.Severity == config.Error {
			s.Config.Problem = p.Error()
			break
		}
	}
}

// growthSpan is the least time that says anything about growth, and growthStart
// how long a daemon grows because it begins.
const (
	growthSpan  = time.Minute
	growthStart = 30 * time.Second
)

// growing looks at the last minutes of the memory: the least use in each third
// of them.
func (k *keeper) growing(now time.Time) health.Reading[health.Growth] {
	began := k.d.host.Started.Add(growthStart)
	list := k.d.store().Recent("annad_working_set_bytes")
	for len(list) > 0 && list[0].Time.Before(began) {
		list = list[1:]
	}
	if len(list) < 6 || now.Sub(list[0].Time) < growthSpan {
		return health.Reading[health.Growth]{Reason: "it has not been measured for a minute yet"}
	}
	var least [3]float64
	for third := range least {
		part := list[third*len(list)/3 : (third+1)*len(list)/3]
		least[third] = part[0].Value
		for _, r := range part {
			least[third] = min(least[third], r.Value)
		}
	}
	g := health.Growth{Over: now.Sub(list[0].Time)}
	if least[0] < least[1] && least[1] < least[2] {
		g.By = uint64(least[2] - least[0])
	}
	return health.Known(g)
}
