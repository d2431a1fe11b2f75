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
	roots  btrfs.Roots
	config func() config.Btrfs
	follow *follower

	mu     sync.Mutex
	before map[string]health.Filesystem // as the last look had them, by UUID
	known  health.Reading[[]health.Filesystem]
}

// followEvery is how often it is looked what runs: a few small files, and
// nothing is opened that could hold up who unmounts.
const followEvery = 10 * time.Second

func (w *btrfsWatch) run(ctx context.Context) {
	defer w.follow.close()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		w.follow.look(ctx)
		if n%int(btrfsEvery/followEvery) == 0 {
			w.look(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
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
func (w *btrfsWatch) look(ctx context.Context) {
	mounted, err := btrfs.List(ctx, w.roots)
	out := health.Known([]health.Filesystem{})
	if err != nil {
		out = health.Reading[[]health.Filesystem]{Reason: err.Error()}
	}
	now := map[string]health.Filesystem{}
	for _, m := range mounted {
		if ctx.Err() != nil {
			return
		}
		f, ok := w.judge(ctx, m)
		if !ok {
			continue
		}
		id := m.FSID.String()
		now[id] = f
		out.Value = append(out.Value, lasting(w.before[id], f))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.known = now, out
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

func (m *modules) newWatch() *btrfsWatch {
	return &btrfsWatch{config: m.btrfsConfig, follow: &follower{store: m.store, log: m.log, now: time.Now}}
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
