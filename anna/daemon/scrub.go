package daemon

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

const (
	// scrubEvery is how often what tells of scrubs is looked at while none
	// runs: a stat and one call a device. The status file's directory is
	// watched besides.
	scrubEvery = time.Minute
	// scrubFollow is how often while one runs, and scrubSave how often the
	// store hears of it.
	scrubFollow = 2 * time.Second
	scrubSave   = time.Minute
	// scrubsKept is how many runs of a file system are given out.
	scrubsKept = 200
)

// A scrubWatch knows the scrubs of the mounted Btrfs file systems: it follows
// what runs, and remembers what ran, whoever started it.
type scrubWatch struct {
	roots btrfs.Roots
	dir   string // of the status files; "" for the usual one
	kmsg  string // "" for the usual one
	log   *slog.Logger
	store func() *telemetry.Store
	now   func() time.Time
	kick  chan struct{}
	// rhythm is when it looks while no scrub runs.
	rhythm rhythm

	published atomic.Pointer[map[string]publishedScrubs] // by UUID
	looked    atomic.Bool                                // whether the first look is over

	mu      sync.Mutex
	systems map[btrfs.UUID]*scrubSystem
	kernel  *btrfs.KernelLog // nil: not readable
	lines   *scrub.Log
}

// A scrubSystem is one file system that scrubs are known of.
type scrubSystem struct {
	history *scrub.History
	state   scrub.State // without its runs
	name    string
	dev     string // major:minor
	mounted bool
	totals  map[uint64]uint64 // of the scrub that runs
	saved   time.Time
}

func newScrubWatch(log *slog.Logger, store func() *telemetry.Store) *scrubWatch {
	return &scrubWatch{
		log: log, store: store, now: time.Now, kick: make(chan struct{}, 1),
		systems: map[btrfs.UUID]*scrubSystem{}, lines: scrub.NewLog(),
	}
}

// run looks now, at every change of a status file, and every scrubEvery.
func (w *scrubWatch) run(ctx context.Context) {
	if k, err := btrfs.OpenKernelLog(w.kmsg); err == nil {
		w.kernel = k
		defer k.Close()
	}
	var watching chan struct{}
	tick := w.rhythm.start(scrubEvery)
	defer tick.stop()
	for {
		if watching == nil { // the directory may come later
			watching = w.watchDir(ctx)
		}
		if w.look(ctx) {
			tick.set(scrubFollow)
		} else {
			tick.set(scrubEvery)
		}
		w.looked.Store(true)
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
		case <-watching:
		case <-tick.C:
			tick.turned()
		}
	}
}

// watchDir tells of every change in the directory of the status files; nil where
// it cannot be watched.
func (w *scrubWatch) watchDir(ctx context.Context) chan struct{} {
	dir := w.dir
	if dir == "" {
		dir = btrfs.ScrubStatusDir
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_ONLYDIR); err != nil {
		unix.Close(fd)
		return nil
	}
	f := os.NewFile(uintptr(fd), "inotify")
	changed := make(chan struct{}, 1)
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := f.Read(buf); err != nil {
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	context.AfterFunc(ctx, func() { f.Close() })
	return changed
}

// look looks at every file system once, and says whether a scrub runs.
func (w *scrubWatch) look(ctx context.Context) (running bool) {
	mounted, err := btrfs.List(ctx, w.roots)
	if err != nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kernel != nil {
		lines, _ := w.kernel.Read() // what could be read
		w.lines.Add(lines, w.roots.DeviceOf)
	}
	for _, s := range w.systems {
		s.mounted = false
	}
	for _, m := range mounted {
		if ctx.Err() != nil {
			return false
		}
		if m.FSID == (btrfs.UUID{}) {
			continue
		}
		s := w.system(ctx, m.FSID)
		s.mounted, s.name, s.dev = true, m.FSID.String(), m.Dev
		if m.Label != "" {
			s.name = m.Label
		}
		if fs, err := m.Open(w.roots); err == nil {
			w.lookAt(ctx, fs, s)
			fs.Close()
		} else if s.state.Why == "" {
			s.state.Why = "it cannot be opened: " + err.Error()
		}
		w.publish(s)
		running = running || s.history.Current() != nil
	}
	w.published.CompareAndSwap(nil, &map[string]publishedScrubs{})
	for _, s := range w.systems {
		if !s.mounted {
			w.publish(s)
		}
	}
	return running
}

// system is what is known of a file system, from the store the first time.
func (w *scrubWatch) system(ctx context.Context, id btrfs.UUID) *scrubSystem {
	if s := w.systems[id]; s != nil {
		return s
	}
	list, err := w.store().Operations(ctx, telemetry.Scrub, id.String(), scrubsKept)
	runs, bad := scrub.Stored(list)
	if err := errors.Join(err, bad); err != nil {
		w.log.Warn("some of the stored scrubs cannot be read", "filesystem", id.String(), "error", err)
	}
	s := &scrubSystem{history: scrub.NewHistory(runs), state: scrub.State{UUID: id.String()}}
	if value, ok, _ := w.store().State(ctx, sinceKey(id)); ok {
		_ = s.state.Since.UnmarshalText(value) // else it begins anew
	}
	w.systems[id] = s
	return s
}

func sinceKey(id btrfs.UUID) string { return "scrub_since/" + id.String() }

// lookAt looks at one file system and keeps what it saw.
func (w *scrubWatch) lookAt(ctx context.Context, fs *btrfs.FS, s *scrubSystem) {
	sight := scrub.LookAt(ctx, fs, w.dir, s.totals)
	s.totals = nil
	if len(sight.Progress) > 0 {
		s.totals = sight.Totals
	}
	sight.Now = w.now()
	sight.Log = w.lines.Marks(fs.FSID)
	sight.Alive = alive
	s.state.Touched, s.state.Why = time.Time{}, ""
	switch {
	case sight.Live:
		if s.state.Since.IsZero() {
			s.state.Since = sight.Now.UTC().Truncate(time.Second)
			if w.kernel != nil && !w.kernel.Oldest().IsZero() && w.kernel.Oldest().Before(s.state.Since) {
				s.state.Since = w.kernel.Oldest().UTC().Truncate(time.Second)
			}
			if text, err := s.state.Since.MarshalText(); err == nil {
				w.store().SaveState(sinceKey(fs.FSID), text)
			}
		}
		if s.state.Made.IsZero() {
			s.state.Made, _ = fs.Made(ctx)
		}
	default:
		s.state.Touched = sight.Modified
		s.state.Why = "the daemon may not see scrubs that others run; sudo anna storage btrfs scrub status tells it of the last one"
	}
	if s.history.Take(sight) || s.history.Current() != nil && sight.Now.Sub(s.saved) >= scrubSave {
		w.save(s, sight.Now)
	}
}

// save stores what changed.
func (w *scrubWatch) save(s *scrubSystem, now time.Time) {
	s.saved = now
	for _, r := range s.history.Gone() {
		if o, err := r.Operation(s.state.UUID); err == nil {
			w.store().DropOperation(o)
		}
	}
	for _, r := range s.history.Changed() {
		o, err := r.Operation(s.state.UUID)
		if err != nil {
			w.log.Error("a scrub cannot be stored", "error", err)
			continue
		}
		w.store().SaveOperation(o)
	}
}

// publish hands out what is known of a file system: who asks does not wait for
// a disk that hangs.
func (w *scrubWatch) publish(s *scrubSystem) {
	next := map[string]publishedScrubs{}
	if all := w.published.Load(); all != nil {
		maps.Copy(next, *all)
	}
	state := s.state
	state.Runs = append([]scrub.Run{}, s.history.Runs[max(0, len(s.history.Runs)-scrubsKept):]...)
	next[state.UUID] = publishedScrubs{s.name, s.mounted, state}
	w.published.Store(&next)
}

// forget has no finding told of what is no longer mounted. Its history stays.
func (w *scrubWatch) forget(mounted map[string]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.systems {
		if s.mounted && !mounted[s.dev] {
			s.mounted = false
			w.publish(s)
		}
	}
}

// publishedScrubs is a file system as it is told.
type publishedScrubs struct {
	name    string
	mounted bool
	state   scrub.State
}

// judge is what the checks see of the mounted file systems.
func (w *scrubWatch) judge(now time.Time, maxAge time.Duration) health.Reading[[]health.Scrub] {
	all := w.published.Load()
	if all == nil {
		return health.Reading[[]health.Scrub]{Reason: starting}
	}
	out := []health.Scrub{}
	for _, p := range *all {
		if p.mounted {
			level, text := p.state.Judge(now, maxAge)
			out = append(out, health.Scrub{Name: p.name, Level: level, Text: text})
		}
	}
	slices.SortFunc(out, func(a, b health.Scrub) int { return strings.Compare(a.Name, b.Name) })
	return health.Known(out)
}

// alive says whether a process is there, whoever's.
func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// Record takes in what somebody who may says of a scrub.
func (w *scrubWatch) Record(ctx context.Context, id btrfs.UUID, r scrub.Run) {
	w.mu.Lock()
	s := w.system(ctx, id)
	if s.name == "" { // mounted since the last look
		s.name, s.mounted = id.String(), true
	}
	if s.history.Add(r) {
		w.save(s, w.now())
	}
	w.publish(s)
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// State is what is known of one file system; false for one that was not seen.
func (w *scrubWatch) State(id btrfs.UUID) (scrub.State, bool) {
	all := w.published.Load()
	if all == nil {
		return scrub.State{}, false
	}
	p, ok := (*all)[id.String()]
	return p.state, ok
}
