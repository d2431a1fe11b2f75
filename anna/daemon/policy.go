package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// advicePrefix stands before the ids of what rules found, where the store
// keeps them beside the daemon's own findings.
const advicePrefix = "advice/"

// An advisor judges the machine by the rules, built in and of policies.d, each
// time that the machine was sampled.
type advisor struct {
	d      *Daemon
	alarm  alarm
	looked chan struct{} // closed after the first look
	once   sync.Once

	mu      sync.Mutex // one look at a time
	collect *collector
	engine  *policy.Engine
}

// newAdvisor begins with the rules of the configuration that holds.
func newAdvisor(ctx context.Context, d *Daemon) *advisor {
	a := &advisor{d: d, alarm: newAlarm(d), looked: make(chan struct{}), collect: newCollector(d), engine: policy.NewEngine()}
	set, problems := d.loader.Load(d.host.Config().Sources().Policies)
	if set == nil { // it was checked a moment ago
		d.log.Error("the rules cannot be used; the built-in ones hold alone", "problem", problems[0].Error())
		set = policy.Builtin()
	}
	a.engine.Use(set)
	a.takeUp(ctx)
	d.host.Facts, d.host.Advice, d.host.Snooze, d.host.TryRules = a.facts, a.standing, a.snooze, a.try
	return a
}

// prepare readies the rules of the next configuration. What is wrong with them
// was found when it was read.
func (a *advisor) prepare(old, next *config.Config) (func(), error) {
	files := next.Sources().Policies
	if same(old.Sources().Policies, files) {
		return nil, nil
	}
	set, problems := a.d.loader.Load(files)
	if set == nil {
		return nil, errors.New(problems[0].Error())
	}
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.engine.Use(set)
		// What changed is judged by the facts of the last look.
		a.tell(a.engine.Step(time.Now(), a.collect.tree, a.timing()))
	}, nil
}

func same(a, b []config.File) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Path != b[i].Path || a[i].Sum != b[i].Sum {
			return false
		}
	}
	return true
}

// timing is that of findings, but for a daemon that lives for one command:
// nothing can hold there.
func (a *advisor) timing() policy.Timing {
	cfg := a.d.host.Config().Health()
	return policy.Timing{Hold: cfg.RaiseAfter, Clear: cfg.ClearAfter, AtOnce: a.d.opts.Private}
}

// step looks at the machine and judges.
func (a *advisor) step(ctx context.Context, now time.Time, s metrics.MachineSample) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tree := a.collect.collect(ctx, now, s)
	if len(a.collect.points) > 0 {
		a.d.store().Observe(now, a.collect.points...)
	}
	a.tell(a.engine.Step(now, tree, a.timing()))
	a.once.Do(func() { close(a.looked) })
}

// tell puts changes on record, and says them.
func (a *advisor) tell(changes []policy.Change) {
	for _, c := range changes {
		if c.Rule != nil && c.Rule.Action == policy.Log {
			if !c.Quiet {
				a.alarm.tell(c.Change)
			}
			continue
		}
		a.save(c)
		if !c.Quiet {
			a.alarm.tell(c.Change)
		}
	}
}

// save stores a transition.
func (a *advisor) save(c policy.Change) {
	evidence, err := json.Marshal(c.Finding)
	if err != nil {
		a.d.log.Error("advice cannot be stored", "id", c.Finding.ID, "error", err)
		return
	}
	f := telemetry.Finding{ID: advicePrefix + c.Finding.ID, Raised: c.Raised, Level: c.Finding.Level.String(), Evidence: evidence}
	if c.Kind == health.Resolved {
		f.Cleared = c.At
	}
	a.d.store().SaveFinding(f)
}

// takeUp reads what stood when the daemon before this one ended, and who said
// that what is known.
func (a *advisor) takeUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	open, err := a.d.store().Findings(ctx, time.Now(), 0)
	if err != nil {
		a.d.log.Warn("the stored advice cannot be read", "error", err)
	}
	found := map[string]policy.Adopted{}
	for _, f := range open {
		id, ours := strings.CutPrefix(f.ID, advicePrefix)
		if !ours || !f.Cleared.IsZero() {
			continue
		}
		adopted := policy.Adopted{Raised: f.Raised, Since: f.Raised}
		var before health.Finding
		if json.Unmarshal(f.Evidence, &before) == nil && !before.Since.IsZero() {
			adopted.Since = before.Since
		}
		found[id] = adopted
	}
	a.engine.Adopt(found)
	acks, err := a.d.store().Acks(ctx)
	if err != nil {
		a.d.log.Warn("the stored snoozes cannot be read", "error", err)
	}
	for _, ack := range acks {
		id, ours := strings.CutPrefix(ack.ID, advicePrefix)
		var level health.Level
		if ours && level.UnmarshalText([]byte(ack.Level)) == nil {
			a.engine.Acknowledge(id, health.Ack{Until: ack.Until, Level: level, Who: ack.Who, Note: ack.Note})
		}
	}
}

// wait is until the first look is over: who asks a daemon that has just begun
// waits for that.
func (a *advisor) wait(ctx context.Context) error {
	select {
	case <-a.looked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// facts are those of the last look.
func (a *advisor) facts(ctx context.Context) (facts.Tree, error) {
	if err := a.wait(ctx); err != nil {
		return facts.Tree{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.collect.tree, nil
}

// standing is what the rules say, by the last look.
func (a *advisor) standing(ctx context.Context) (policy.Standing, *policy.Set, error) {
	if err := a.wait(ctx); err != nil {
		return policy.Standing{}, nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.engine.Standing(time.Now(), a.timing()), a.engine.Set(), nil
}

// snooze notes that advice is known, for as long as it says.
func (a *advisor) snooze(id string, ack health.Ack) error {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.engine.Set().Find(policy.RuleOf(id)) == nil {
		return fmt.Errorf("there is no rule %q", policy.RuleOf(id))
	}
	a.engine.Acknowledge(id, ack)
	if !now.Before(ack.Until) {
		a.d.store().DeleteAck(advicePrefix + id)
		return nil
	}
	a.d.store().SaveAck(telemetry.Ack{ID: advicePrefix + id, Time: now, Who: ack.Who, Note: ack.Note, Until: ack.Until, Level: ack.Level.String()})
	return nil
}

// try judges rules that somebody sent, by the facts of the last look and by
// what is stored of the past.
func (a *advisor) try(ctx context.Context, files []config.File, back time.Duration) (policy.Trial, error) {
	tree, err := a.facts(ctx)
	if err != nil {
		return policy.Trial{}, err
	}
	trial := policy.Try(files, tree, time.Now())
	if trial.Set == nil || back <= 0 {
		return trial, nil
	}
	err = a.replay(ctx, &trial, tree, back)
	return trial, err
}

// checkPolicies is what is wrong with the rules of all files. What it compiles
// the loader keeps for the advisor.
func (d *Daemon) checkPolicies(files []config.File) []config.Problem {
	_, problems := d.loader.Load(files)
	return problems
}
