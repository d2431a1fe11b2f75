package daemon

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// A balanceWatch stores the balances of the mounted file systems, whoever starts
// them: the kernel forgets them when they end. It goes by the kernel's log where
// it may read that, else by what runs at the moment.
type balanceWatch struct {
	roots btrfs.Roots
	kmsg  string // "" for /dev/kmsg
	store func() *telemetry.Store
	log   *slog.Logger
	now   func() time.Time

	kernel *btrfs.KernelLog
	runs   *btrfs.BalanceLog
	// open are those that run as far as the log says.
	open map[btrfs.UUID]bool
	// live are those that were running when last looked at.
	live map[btrfs.UUID]telemetry.Operation
	// asked are those that the store was asked about: a daemon before this one
	// may have followed a balance, later ones are followed here.
	asked map[btrfs.UUID]bool
}

func (w *balanceWatch) close() {
	if w.kernel != nil {
		w.kernel.Close()
	}
}

// look takes in what happened since.
func (w *balanceWatch) look(ctx context.Context) {
	if w.live == nil {
		w.live, w.runs = map[btrfs.UUID]telemetry.Operation{}, btrfs.NewBalanceLog()
		w.asked, w.open = map[btrfs.UUID]bool{}, map[btrfs.UUID]bool{}
		w.openLog()
	}
	if w.kernel != nil {
		err := w.lookAtLog(ctx)
		if err == nil {
			return
		}
		w.log.Warn("balances are followed by looking alone", "error", err)
		w.close()
		w.kernel = nil
	}
	ids, err := btrfs.MountedIDs(w.roots)
	if err != nil {
		return // no Btrfs here
	}
	for _, id := range ids {
		w.seen(ctx, id)
	}
}

// lookAtLog stores what is new in the kernel's log.
func (w *balanceWatch) lookAtLog(ctx context.Context) error {
	// Btrfs tells of the end before the file system is free for something else:
	// one that was free before the log was read, and of which the log has nothing
	// new, has an end that was left out.
	var over []btrfs.UUID
	for id := range w.open {
		if what, err := btrfs.Exclusive(w.roots, id); err == nil && what != "balance" && what != "balance paused" {
			over = append(over, id)
		}
	}
	lines, err := w.kernel.Read()
	changed := w.runs.Add(lines, w.roots.DeviceOf)
	for _, id := range over {
		if slices.Contains(changed, id) {
			continue
		}
		if run, ok := w.runs.EndUnseen(id, w.now()); ok {
			w.told(ctx, id, run)
		}
		delete(w.open, id)
	}
	for _, id := range changed {
		run, _ := w.runs.Last(id)
		w.told(ctx, id, run)
		if delete(w.open, id); run.Outcome == btrfs.BalanceRunning {
			w.open[id] = true
		}
	}
	return err
}

func (w *balanceWatch) openLog() {
	var err error
	if w.kernel, err = btrfs.OpenKernelLog(w.kmsg); err != nil {
		w.log.Debug("balances are followed by looking alone", "error", err)
	}
}

// sameStart is by how much two readings of one start may differ: the clock of the
// kernel's log is not the wall's.
const sameStart = 10 * time.Second

// told stores a run that the kernel's log tells of, under the start that it was
// stored with before, if it was.
func (w *balanceWatch) told(ctx context.Context, id btrfs.UUID, run btrfs.BalanceRun) {
	o := telemetry.Operation{
		Kind: telemetry.Balance, Filesystem: id.String(), Started: run.Started, Ended: run.Ended, Outcome: run.Outcome, Data: detail(run.Detail),
	}
	if o.Started.IsZero() { // before the log begins
		o.Started = o.Ended
	}
	if last, ok := w.last(ctx, id); ok {
		switch d := last.Started.Sub(o.Started); {
		case max(d, -d) < sameStart, run.Started.IsZero() && last.Ended.IsZero():
			o.Started = last.Started
		case d > 0: // older than what is stored
			return
		}
	}
	w.store().SaveOperation(o)
}

// seen stores what is to be seen of a balance from outside: that it runs, and
// that it does no longer. How it ended is not known then.
func (w *balanceWatch) seen(ctx context.Context, id btrfs.UUID) {
	what, err := btrfs.Exclusive(w.roots, id)
	if err != nil {
		return
	}
	o, live := w.live[id]
	if !live && !w.asked[id] {
		w.asked[id] = true
		if last, ok := w.last(ctx, id); ok && last.Ended.IsZero() && (last.Outcome == btrfs.BalanceRunning || last.Outcome == btrfs.BalancePaused) {
			o, live = last, true
		}
	}
	runs := what == "balance" || what == "balance paused"
	switch {
	case runs && !live:
		o = telemetry.Operation{Kind: telemetry.Balance, Filesystem: id.String(), Started: w.now()}
	case runs:
	case live:
		o.Ended, o.Outcome = w.now(), btrfs.BalanceUnknown
		w.store().SaveOperation(o)
		delete(w.live, id)
		return
	default:
		return
	}
	outcome := btrfs.BalanceRunning
	if what == "balance paused" {
		outcome = btrfs.BalancePaused
	}
	if o.Outcome != outcome {
		o.Outcome = outcome
		w.store().SaveOperation(o)
	}
	w.live[id] = o
}

func (w *balanceWatch) last(ctx context.Context, id btrfs.UUID) (telemetry.Operation, bool) {
	list, err := w.store().Operations(ctx, telemetry.Balance, id.String(), 1)
	if err != nil || len(list) == 0 {
		return telemetry.Operation{}, false
	}
	return list[0], true
}

// detail is what is kept beside an operation.
func detail(text string) json.RawMessage {
	data, err := json.Marshal(struct {
		Detail string `json:"detail"`
	}{text})
	if err != nil {
		return nil
	}
	return data
}
