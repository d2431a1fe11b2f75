package storage

import (
	"context"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// What a balance does now.
const (
	balanceNone    = "none"
	balanceUnknown = "unknown"
	balancePaused  = "paused"
)

// lookAtBalance asks an open file system about its balances.
func lookAtBalance(ctx context.Context, fs *btrfs.FS, w btrfs.BalanceWish, metadataWarn float64) Balance {
	out := Balance{UUID: fs.FSID.String(), SeenBy: byClient, State: balanceUnknown, Types: []TypeSpace{}}
	var g gaps
	info, err := fs.Info()
	if g.fail("format", err); err == nil {
		g.add(info.Missing...)
		out.Label = info.Label
	}
	ops, err := fs.Operations(ctx)
	if g.fail("running operations", err); err == nil {
		for _, m := range ops.Missing {
			if m.What == "exclusive operation" || m.What == "balance progress" {
				g.add(m)
			}
		}
		out.State, out.Progress = balanceState(ops)
	}
	advice, space := lookAtAdvice(ctx, fs, w, metadataWarn, &g)
	out.Advice = advice
	if space != nil {
		for _, t := range space.Types {
			out.Types = append(out.Types, typeOf(t))
		}
	}
	out.fromLog(fs.FSID, &g)
	out.endUnseen()
	out.Missing = g.list()
	out.judge()
	return out
}

// balanceState is what the balance does, by its progress or, where that may not
// be seen, by what the kernel tells everybody.
func balanceState(o *btrfs.Operations) (string, *BalanceProgress) {
	if b := o.Balance; b != nil {
		p := &BalanceProgress{Running: b.Running, Expected: b.Expected, Considered: b.Considered, Completed: b.Completed}
		switch {
		case b.Cancelling:
			return "cancelling", p
		case b.Pausing:
			return "pausing", p
		case b.Running:
			return "running", p
		}
		return balancePaused, p
	}
	switch o.Exclusive {
	case "balance":
		return "running", nil
	case "balance paused":
		return balancePaused, nil
	case "":
		return balanceUnknown, nil
	}
	return balanceNone, nil
}

// fromLog takes the last balance from the kernel's log, which goes back to the
// start of the machine or less.
func (b *Balance) fromLog(id btrfs.UUID, g *gaps) {
	log, err := btrfs.OpenKernelLog("")
	if err != nil {
		g.fail("past balances in the kernel's log", err)
		return
	}
	defer log.Close()
	lines, err := log.Read()
	g.fail("past balances in the kernel's log", err)
	runs := btrfs.NewBalanceLog()
	runs.Add(lines, btrfs.Roots{}.DeviceOf)
	b.UnknownBefore = utc(log.Oldest())
	if r, ok := runs.Last(id); ok {
		b.Last = &LastBalance{Started: utc(r.Started), Ended: utc(r.Ended), Outcome: r.Outcome, Detail: r.Detail, Source: "kernel log"}
	}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Round(time.Second)
}

// fromStore takes the last balance that the daemon followed, where that is the
// later one.
func (b *Balance) fromStore(ctx context.Context, store *telemetry.Store) error {
	list, err := store.Operations(ctx, telemetry.Balance, b.UUID, 1)
	if err != nil || len(list) == 0 {
		return err
	}
	o := list[0]
	b.newer(&LastBalance{Started: utc(o.Started), Ended: utc(o.Ended), Outcome: o.Outcome, Detail: detailOf(o), Source: "daemon"})
	return nil
}

// slack is by how much two sources of one moment may differ.
const slack = 30 * time.Second

// newer keeps the later of two, and of what is the same the one that is there,
// unless the other alone knows how it ended.
func (b *Balance) newer(l *LastBalance) {
	switch {
	case l == nil:
	case b.Last == nil, l.when().After(b.Last.when().Add(slack)):
		b.Last = l
	case b.Last.Outcome == btrfs.BalanceUnknown && l.Outcome != btrfs.BalanceUnknown && !l.when().Before(b.Last.when().Add(-slack)):
		b.Last = l
	}
}

// endUnseen has no balance run on whose end the kernel's log left out.
func (b *Balance) endUnseen() {
	if b.State == balanceNone && b.Last != nil && b.Last.Outcome == btrfs.BalanceRunning {
		b.Last.Outcome = btrfs.BalanceUnknown
	}
}

func (l *LastBalance) when() time.Time {
	if l.Started.After(l.Ended) {
		return l.Started
	}
	return l.Ended
}

// judge sums up: what is short, or a balance that waits.
func (b *Balance) judge() {
	b.Level = health.OK
	if b.Advice == nil {
		b.Level = health.Unknown
	} else {
		b.Level = b.Advice.Level
	}
	if b.State == balancePaused {
		b.Level = health.Worst(b.Level, health.Warning)
	}
}
