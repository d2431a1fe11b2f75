package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A btrfsWatch judges the mounted Btrfs file systems once a minute and follows
// what runs on them, for findings and for history.
type btrfsWatch struct {
	roots    btrfs.Roots
	config   func() config.Btrfs
	balances *balanceWatch
	rhythm   rhythm
	kick     chan struct{} // to look for new file systems now

	mu     sync.Mutex
	before map[string]health.Filesystem // as the last look had them, by UUID
	known  health.Reading[[]health.Filesystem]
	devs   []string // major:minor of those that are known
}

// followEvery is how often it is looked what runs: a few small files, and
// nothing is opened that could hold up who unmounts.
const followEvery = 10 * time.Second

func (w *btrfsWatch) run(ctx context.Context) {
	defer w.balances.close()
	tick := w.rhythm.start(followEvery)
	defer tick.stop()
	w.balances.look(ctx)
	w.look(ctx)
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
			w.lookAtNew(ctx)
			continue
		case <-tick.C:
			tick.turned()
		}
		w.balances.look(ctx)
		if n++; n%int(btrfsEvery/followEvery) == 0 {
			w.look(ctx)
		}
	}
}

// filesystems is what stands.
func (w *btrfsWatch) filesystems() health.Reading[[]health.Filesystem] {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known.Known && w.known.Reason == "" {
		w.known.Reason = "the file systems have not been looked at yet"
	}
	return w.known
}

// look judges every file system. What only this look sees may be a moment's, and
// is not told before the next one sees it as well.
func (w *btrfsWatch) look(ctx context.Context) { w.lookBut(ctx, nil) }

// lookAtNew judges those that the last look had not.
func (w *btrfsWatch) lookAtNew(ctx context.Context) {
	w.mu.Lock()
	told := map[string]health.Filesystem{}
	for i, dev := range w.devs {
		told[dev] = w.known.Value[i]
	}
	w.mu.Unlock()
	w.lookBut(ctx, told)
}

// lookBut judges all but those of which it is known what is told, by device.
func (w *btrfsWatch) lookBut(ctx context.Context, told map[string]health.Filesystem) {
	mounted, err := btrfs.List(ctx, w.roots)
	out := health.Known([]health.Filesystem{})
	if err != nil {
		out = health.Reading[[]health.Filesystem]{Reason: err.Error()}
	}
	now := map[string]health.Filesystem{}
	var devs []string
	for _, m := range mounted {
		if ctx.Err() != nil {
			return
		}
		id := m.FSID.String()
		before, same := w.before[id] // a device number may be another file system's by now
		if f, known := told[m.Dev]; known && same {
			now[id], devs, out.Value = before, append(devs, m.Dev), append(out.Value, f)
			continue
		}
		f, ok := w.judge(ctx, m)
		if !ok {
			continue
		}
		now[id], devs = f, append(devs, m.Dev)
		out.Value = append(out.Value, lasting(before, f))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.known, w.devs = now, out, devs
}

// forget leaves out what is no longer mounted: mounted has the others, by device.
func (w *btrfsWatch) forget(mounted map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var devs []string
	var left []health.Filesystem // a new list: others read the old one
	for i, dev := range w.devs {
		if mounted[dev] {
			devs, left = append(devs, dev), append(left, w.known.Value[i])
		}
	}
	if len(left) < len(w.known.Value) {
		w.devs, w.known.Value = devs, left
	}
}

// lasting is what both looks saw.
func lasting(before, now health.Filesystem) health.Filesystem {
	now.ForcedReadOnly = now.ForcedReadOnly && before.ForcedReadOnly
	now.Absent = min(now.Absent, before.Absent)
	now.Errors = min(now.Errors, before.Errors)
	now.Short = now.Short && before.Short
	if now.Operation != before.Operation {
		now.Operation = ""
	}
	return now
}

// judge looks at one file system; false when it does not open.
func (w *btrfsWatch) judge(ctx context.Context, m btrfs.Mounted) (health.Filesystem, bool) {
	f := health.Filesystem{Name: m.Label}
	if f.Name == "" {
		f.Name = m.FSID.String()
	}
	fs, err := m.Open(w.roots)
	if err != nil {
		return f, false // the module's own report tells of it
	}
	defer fs.Close()
	if state, err := fs.State(ctx); err == nil {
		f.ForcedReadOnly, f.Absent, f.Errors = state.Forced, len(state.Absent), state.DeviceErrors
	}
	f.Operation, _ = btrfs.Exclusive(w.roots, fs.FSID) // "": unknown
	p, err := fs.PlanBalance(ctx, btrfs.BalanceWish{Headroom: uint64(max(w.config().HeadroomWarn, 0))})
	if err != nil {
		return f, true
	}
	f.Short, f.Headroom, f.Wanted = p.Short, p.Space.Headroom.Bytes, p.Want
	f.Advice, f.Moved, f.Gained = string(p.Advice), p.Moved, p.Gained
	if t := p.Space.Type(btrfs.Metadata); t != nil && t.Total > 0 {
		f.MetadataPercent = 100 * float64(t.Used) / float64(t.Total)
	}
	return f, true
}

func (m *modules) newBtrfsWatch() *btrfsWatch {
	return &btrfsWatch{config: m.btrfsConfig, rhythm: m.rhythm, kick: make(chan struct{}, 1), balances: &balanceWatch{store: m.store, log: m.log, now: time.Now}}
}

// filesystems is what the watch knows of the machine's file systems.
func (m *modules) filesystems() health.Reading[[]health.Filesystem] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.btrfs == nil {
		return health.Reading[[]health.Filesystem]{Reason: switchedOff("btrfs")}
	}
	return m.btrfs.watch.filesystems()
}
