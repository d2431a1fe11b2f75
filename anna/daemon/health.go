package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// A keeper judges the daemon once every [health] interval, whether or not
// anybody asks, and tells what changed: the journal, the store, systemd, the
// last words and whoever follows.
type keeper struct {
	d       *Daemon
	queue   *queueWatch
	program *program
	file    *socketFile
	alarm   alarm

	mu         sync.Mutex // one look at a time
	tracker    *health.Tracker
	clock      clock
	previous   health.Previous
	self       atomic.Pointer[health.SelfCheck]
	growth     health.Reading[health.Growth]
	scrubs     health.Reading[[]health.Scrub]
	scrubsAt   time.Time
	scrubsSeen *map[string]publishedScrubs
	nextSlow   time.Time
	receipt    int64                     // the last one that was seen
	turns      atomic.Pointer[time.Time] // when it last judged
	said       string                    // of its health, to systemd and in the last words
	unfit      atomic.Pointer[string]    // why the watchdog is not petted; nil: it is

	withheld, hits, kills, dropped recent
	killed                         uint64
}

func newKeeper(ctx context.Context, d *Daemon) *keeper {
	k := &keeper{
		d: d, queue: &queueWatch{status: d.engine.Status, try: d.engine.TryStatus}, program: newProgram(), file: newSocketFile(d),
		alarm: newAlarm(d), tracker: health.NewTracker(health.Checks),
		withheld: recent{span: withheldSpan, step: 5 * time.Second},
		hits:     recent{span: 10 * time.Minute, step: 10 * time.Second},
		kills:    recent{span: 10 * time.Minute, step: 10 * time.Second},
		dropped:  recent{span: time.Hour, step: 30 * time.Second},
	}
	k.self.Store(&health.SelfCheck{})
	k.tracker.Preceded = k.preceded
	k.previous = k.previousRun(ctx)
	k.loadAcks(ctx)
	d.host.Acknowledge, d.host.Look, d.host.Queue = k.acknowledge, k.look, k.queueStatus
	k.step(time.Now(), d.host.Resources())
	d.misbehave(ctx)
	return k
}

// step judges the daemon now.
func (k *keeper) step(now time.Time, used host.Resources) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cfg := k.d.host.Config().Health()
	s := k.snapshot(now, used)
	changes := k.tracker.Step(now, health.Assess(s, thresholds(cfg, used.Memory)), health.Timing{RaiseAfter: cfg.RaiseAfter, ClearAfter: cfg.ClearAfter})
	k.turns.Store(&now)
	k.post(now, changes)
}

// post hangs up how everything stands, and tells what changed.
func (k *keeper) post(now time.Time, changes []health.Change) {
	d, state := k.d, k.tracker.State(now)
	d.host.Health.Post(state, changes)
	for _, c := range changes {
		k.alarm.tell(c)
		k.save(c)
	}
	if text := healthText(state); len(changes) > 0 || text != k.said {
		k.said = text
		d.words.write("running", "")
		d.notify("STATUS=" + d.status())
	}
}

// save puts a transition on record.
func (k *keeper) save(c health.Change) {
	evidence, err := json.Marshal(c.Finding)
	if err != nil {
		k.d.log.Error("a finding cannot be stored", "id", c.Finding.ID, "error", err)
		return
	}
	f := telemetry.Finding{ID: c.Finding.ID, Raised: c.Raised, Level: c.Finding.Level.String(), Evidence: evidence}
	if c.Kind == health.Resolved || c.Kind == health.Hidden {
		f.Cleared = c.At
	}
	k.d.store().SaveFinding(f)
}

// look judges anew when the configuration was loaded since the last time: its
// findings are there when the reload's answer is.
func (k *keeper) look() {
	last, _ := k.d.reloads.status()
	k.mu.Lock()
	known := k.receipt == last.ID
	k.mu.Unlock()
	if !known {
		k.step(time.Now(), k.d.host.Resources())
	}
}

// preceded tells what happened last before a moment: an event of the machine,
// or a generation of the configuration. What is older than an hour explains
// nothing.
func (k *keeper) preceded(before time.Time) *health.Mark {
	var mark *health.Mark
	if last, _ := k.d.reloads.status(); last.Generation > 0 && last.Outcome != config.Unchanged && !last.Time.After(before) {
		mark = &health.Mark{Kind: "generation", Number: last.Generation, Time: last.Time, Text: fmt.Sprintf("configuration %s (%s)", last.Outcome, last.Origin)}
	}
	if _, blocked := k.queue.get(); blocked > 0 {
		return mark
	}
	for _, e := range k.d.engine.Recent(20) {
		if e.Time.After(before) || mark != nil && e.Time.Before(mark.Time) {
			continue
		}
		mark = &health.Mark{Kind: "event", Number: e.Seq, Time: e.Time, Text: fmt.Sprintf("%s: %s %s", e.Domain, e.Subject, e.Kind)}
	}
	if mark == nil || before.Sub(mark.Time) > time.Hour {
		return nil
	}
	return mark
}

// acknowledge notes that a finding is known, for as long as it says.
func (k *keeper) acknowledge(id string, a health.Ack) error {
	if _, ok := health.Find(id); !ok {
		return fmt.Errorf("there is no check %q", id)
	}
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	changes := k.tracker.Acknowledge(now, id, a)
	if !now.Before(a.Until) {
		k.d.store().DeleteAck(id)
	} else {
		k.d.store().SaveAck(telemetry.Ack{ID: id, Time: now, Who: a.Who, Note: a.Note, Until: a.Until, Level: a.Level.String()})
	}
	k.post(now, changes)
	return nil
}

func (k *keeper) loadAcks(ctx context.Context) {
	acks, err := k.d.store().Acks(ctx)
	if err != nil {
		k.d.log.Warn("the stored acknowledgements cannot be read", "error", err)
	}
	for _, a := range acks {
		var level health.Level
		if err := level.UnmarshalText([]byte(a.Level)); err != nil {
			continue
		}
		k.tracker.Acknowledge(time.Now(), a.ID, health.Ack{Until: a.Until, Level: level, Who: a.Who, Note: a.Note})
	}
}

// checked notes how the daemon's request to itself went.
func (k *keeper) checked(err error) {
	self := health.SelfCheck{Runs: true}
	if err != nil {
		self.Err = firstLine(err)
	}
	k.self.Store(&self)
}

// fit notes in the last words why the watchdog is left to end the daemon; nil
// when it is petted.
func (k *keeper) fit(err error) {
	was := k.unfit.Load()
	if err == nil {
		if was != nil {
			k.unfit.Store(nil)
			k.d.words.write("running", "")
		}
		return
	}
	if why := firstLine(err); was == nil || *was != why {
		k.unfit.Store(&why)
		k.d.words.write("running", "")
	}
}

// hangs says which loop stands still.
func (k *keeper) hangs(now time.Time) error {
	interval := k.d.host.Config().Health().Interval
	if since := now.Sub(*k.turns.Load()); since > hangTime+2*interval {
		return fmt.Errorf("the health loop has not turned for %s", since.Round(time.Second))
	}
	q, blocked := k.queue.get()
	switch {
	case blocked > hangTime:
		return fmt.Errorf("the event loop has not answered for %s", blocked.Round(time.Second))
	case q.Handler.Stuck && q.Handler.RunningSec > hangTime.Seconds():
		return fmt.Errorf("the event loop has not turned for %.0f s", q.Handler.RunningSec)
	}
	if since := k.d.store().Writing(); !since.IsZero() && now.Sub(since) > commitTime+hangTime {
		return fmt.Errorf("the store's writer has not come back for %s", now.Sub(since).Round(time.Second))
	}
	return nil
}

// thresholds are the configured ones; a share of a limit that is not known is
// none.
func thresholds(cfg config.Health, memory metrics.Memory) health.Thresholds {
	bound, bounded := memory.Limit.Get()
	size := func(l config.Limit) uint64 {
		v, known := l.Of(config.Size(bound), bounded)
		if !known {
			return 0
		}
		return uint64(v)
	}
	return health.Thresholds{
		P99Warn: cfg.RPCP99Warn, P99Crit: cfg.RPCP99Crit, QueueWarn: cfg.QueueWarn, QueueCrit: cfg.QueueCrit,
		MemoryWarn: size(cfg.MemoryWarn), MemoryCrit: size(cfg.MemoryCrit),
	}
}
