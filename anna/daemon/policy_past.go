package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// Bounds of a look into the past.
const (
	mostBack   = 30 * 24 * time.Hour
	replayTime = 20 * time.Second
)

// replay judges the rules of a trial by what is stored. What takes too long is
// left out, and says so.
func (a *advisor) replay(ctx context.Context, trial *policy.Trial, now facts.Tree, back time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	timing := a.timing()
	timing.AtOnce = false
	rp := &replayed{now: now, store: a.d.store(), ctx: ctx, samples: map[string][]telemetry.Sample{}}
	rp.plan(min(back, mostBack))
	for i := range trial.Rules {
		p, err := rp.judge(ctx, trial.Set.Find(trial.Rules[i].ID), timing)
		if err != nil {
			return err
		}
		trial.Rules[i].Past = &p
	}
	return nil
}

// A replayed is the past, as the store has it.
type replayed struct {
	now     facts.Tree
	store   *telemetry.Store
	ctx     context.Context
	step    telemetry.Resolution
	from    time.Time
	moments []time.Time
	samples map[string][]telemetry.Sample // of a series, from before the first moment
	err     error
}

// judge is what a rule would have said. The time may run out between two moments
// or in a question to the store.
func (rp *replayed) judge(ctx context.Context, r *policy.Rule, timing policy.Timing) (policy.Past, error) {
	p, err := policy.Replay(ctx, r, rp.moments, timing, func(before facts.Tree, t time.Time) facts.Tree { return rp.at(r, before, t) })
	if rp.err != nil {
		err = rp.err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Known, p.Why = 0, "it takes too long: try fewer rules at once"
		return p, nil
	}
	return p, err
}

// plan picks the moments: as fine as the samples are that reach so far back.
func (rp *replayed) plan(back time.Duration) {
	rp.step = resolutionOf(back)
	every := time.Duration(rp.step) * time.Second
	rp.from = rp.now.At.Add(-back).Truncate(every)
	for t := rp.from; !t.After(rp.now.At); t = t.Add(every) {
		rp.moments = append(rp.moments, t)
	}
}

// series are the samples of one, from as long before the first moment as
// windows may ask.
func (rp *replayed) series(name string, before time.Duration) []telemetry.Sample {
	key := name + "\x00" + before.String()
	list, ok := rp.samples[key]
	if !ok && rp.err == nil {
		resolution := max(rp.step, resolutionOf(before))
		list, rp.err = rp.store.Series(rp.ctx, name, rp.from.Add(-before), rp.now.At.Add(time.Second), resolution)
		rp.samples[key] = list
	}
	return list
}

// reading is what a series was at a moment: the newest sample that is not much
// older than the step.
func (rp *replayed) reading(name string, t time.Time) facts.Value {
	list := rp.series(name, 0)
	i, _ := slices.BinarySearchFunc(list, t, func(s telemetry.Sample, t time.Time) int { return s.Time.Compare(t.Add(time.Nanosecond)) })
	if i == 0 || t.Sub(list[i-1].Time) > 2*time.Duration(rp.step)*time.Second+2*time.Minute {
		return facts.Unknown("it was not measured then")
	}
	return facts.Num(list[i-1].Last)
}

// Over implements [facts.History] for moments of the past.
func (rp *replayed) Over(q facts.Past) facts.Value {
	list := rp.series(q.Series, q.Span)
	lo, _ := slices.BinarySearchFunc(list, q.Now.Add(-q.Span), func(s telemetry.Sample, t time.Time) int { return s.Time.Compare(t) })
	hi, _ := slices.BinarySearchFunc(list, q.Now.Add(time.Nanosecond), func(s telemetry.Sample, t time.Time) int { return s.Time.Compare(t) })
	return over(q, list[lo:hi])
}

// at is the tree of a moment, with the branches that a rule reads.
func (rp *replayed) at(r *policy.Rule, tree facts.Tree, t time.Time) facts.Tree {
	if tree.At.IsZero() {
		tree = tree.WithHistory(rp)
	}
	tree.At = t
	done := map[string]bool{}
	for _, name := range r.Wants() {
		branch, _, _ := strings.Cut(name, ".")
		if f := facts.FindFunc(name); f != nil {
			branch = f.Branch
		}
		if done[branch] {
			continue
		}
		done[branch] = true
		tree = tree.With(branch, rp.branch(branch, t))
	}
	return tree
}

func (rp *replayed) branch(name string, t time.Time) *facts.Branch {
	now := rp.now.Branch(name)
	switch {
	case now == nil:
		return facts.NoBranch("it was not looked at")
	case now.Missing() != "":
		return facts.NoBranch(now.Missing())
	}
	b := facts.NewBranch()
	kind := facts.FindKind(name)
	for _, row := range facts.Of(name) {
		if !kind.Table() {
			b.Set(row.Name, rp.then(row, "", t))
			continue
		}
		for _, o := range now.Objects() {
			b.Add(o.Key).Set(row.Name, rp.then(row, o.Key, t))
		}
	}
	for _, f := range facts.Funcs {
		if f.Branch == name && policy.Assumed(f.Name) {
			b.Name(f.Name, now.Named(f.Name), rp.now.Named(f.Name, "\x00"))
		}
	}
	return b
}

// then is what a fact was.
func (rp *replayed) then(row facts.Row, key string, t time.Time) facts.Value {
	if row.Lasting {
		return rp.now.Fact(row.Name, key)
	}
	if series := rp.now.Series(row.Name, key); series != "" {
		return rp.reading(series, t)
	}
	get := func(name string) (float64, string) {
		v := rp.then(*facts.Find(name), key, t)
		n, _ := v.Number()
		return n, v.Why()
	}
	share := func(part, whole string, used bool) facts.Value {
		a, why := get(part)
		b, whyWhole := get(whole)
		switch {
		case why != "":
			return facts.Unknown(why)
		case whyWhole != "":
			return facts.Unknown(whyWhole)
		case b == 0:
			return facts.Unknown("there is none")
		case used:
			a = b - a
		}
		return facts.Num(100 * a / b)
	}
	switch row.Name { // what is made of others
	case "memory.available_percent":
		return share("memory.available_bytes", "memory.total_bytes", false)
	case "memory.swap_used_percent":
		return share("memory.swap_free_bytes", "memory.swap_total_bytes", true)
	case "mount.used_percent":
		used, why := get("mount.used_bytes")
		left, whyLeft := get("mount.available_bytes")
		switch {
		case why != "":
			return facts.Unknown(why)
		case whyLeft != "":
			return facts.Unknown(whyLeft)
		case used+left == 0:
			return facts.Unknown("it has no size")
		}
		return facts.Num(100 * used / (used + left))
	}
	return facts.Unknown("it has no history")
}
