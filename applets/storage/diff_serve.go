package storage

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

const methodDiff = "stream_diff"

const (
	// diffTime is the whole time that a comparison may take, with waiting for
	// others and for a client that reads slowly.
	diffTime = 10 * time.Minute
	// diffBeat is how often the client hears something, whatever the trees do.
	diffBeat = time.Second
)

// noCapability is the daemon's answer where it cannot read trees.
func noCapability() *rpc.Error {
	return rpc.Errorf(rpc.CapabilityMissing, "cannot compare subvolumes: the daemon has no CAP_SYS_ADMIN, without which the trees cannot be read").
		WithHint("Run it as root: sudo anna storage btrfs diff")
}

// diff compares two subvolumes and sends each change when it is found. One
// comparison runs at a time: it costs memory and disk. It waits for a client
// that reads slowly, and keeps nothing that was sent but small results of
// read-only sides.
func (s *server) diff(_ *host.Host, r *rpc.Request) (any, error) {
	var p DiffParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	engine := diff.Engine(p.Engine)
	if p.Engine == "auto" {
		engine = diff.Auto
	}
	if p.Engine != "" && !slices.Contains(diffEngines, p.Engine) {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot compare subvolumes: there is no engine %q", p.Engine)
	}
	if !s.privileged() {
		return nil, noCapability()
	}
	ctx, cancel := context.WithTimeout(r.Context(), diffTime)
	defer cancel()
	out := &diffSender{send: r.Send, progress: DiffProgress{Waiting: true}}
	defer out.beat(ctx)()
	release, err := s.comparing.take(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	out.at(DiffProgress{})
	return s.using(ctx, p.UUID, func(fs *btrfs.FS) (any, error) {
		report, err := s.compare(ctx, fs, p, engine, out)
		if err != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, diffError(err)
		}
		return out.end(report)
	})
}

// diffError gives what ended a comparison a code.
func diffError(err error) error {
	var e *rpc.Error
	var errno unix.Errno
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, diff.ErrNotReadOnly):
		return notReadOnly(err)
	case errors.As(err, &errno): // of the disk, of a sandbox, or of a kernel that lacks something
		return rpc.Errorf(rpc.CapabilityMissing, "%w", err)
	}
	// The sides are the caller's choice.
	return rpc.Errorf(rpc.InvalidParams, "%w", err).WithHint("anna storage btrfs tree lists what there is")
}

// compare runs a comparison, or repeats one that still holds.
func (s *server) compare(ctx context.Context, fs *btrfs.FS, p DiffParams, engine diff.Engine, out *diffSender) (*diff.Report, error) {
	key := cacheKey{fs: fs.FSID, engine: engine}
	err := fs.Sync(ctx) // what is not yet written would not show in the generations
	for i, side := range []*diff.Side{&key.from, &key.to} {
		if err == nil {
			*side, err = diff.ReadSide(ctx, fs, []uint64{p.From, p.To}[i])
		}
	}
	if err != nil {
		return nil, err
	}
	if known := s.diffs.get(key); known != nil {
		report := known.report
		report.Notes = append(slices.Clone(report.Notes),
			"from the daemon's memory: compared at "+known.at.UTC().Format("2006-01-02 15:04:05")+" UTC, and neither side was written to since")
		return &report, known.each(func(c *diff.Change) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return out.add(c)
		})
	}
	log := changeLog{off: !key.holds()}
	report, err := diff.Run(ctx, fs, p.From, p.To, diff.Options{
		Engine:   engine,
		Progress: func(at diff.Progress) { out.at(DiffProgress{Engine: string(at.Engine), Changes: at.Changes}) },
	}, func(c diff.Change) error {
		log.add(&c)
		return out.add(&c)
	})
	if err != nil {
		return nil, err
	}
	if !log.off && !report.Changing && report.From == key.from && report.To == key.to {
		s.diffs.put(&cachedDiff{key: key, report: *report, changes: log.bytes, at: time.Now()})
	}
	return report, nil
}

// A diffSender sends changes in items of about itemBytes, and at least an item
// each diffBeat, so that the client knows that somebody is at work. Sending
// blocks while the client does not read, and with it the comparison.
type diffSender struct {
	send func(any) error

	mu       sync.Mutex
	item     DiffItem
	size     int
	count    int
	progress DiffProgress
	failed   error
}

// beat begins to send now and then; what it returns ends that.
func (s *diffSender) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(diffBeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.mu.Lock()
				s.flush()
				s.mu.Unlock()
			}
		}
	}()
	return func() { cancel(); <-done }
}

// at takes down how far it is.
func (s *diffSender) at(p DiffProgress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = p
}

func (s *diffSender) add(c *diff.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.item.Changes = append(s.item.Changes, diffSentOf(c))
	s.count++
	if s.size += 360 + len(c.Path) + len(c.FromPath); s.size < itemBytes && s.failed == nil {
		return nil
	}
	return s.flush()
}

// flush sends what there is. After an error it sends nothing more.
func (s *diffSender) flush() error {
	if s.failed == nil {
		s.item.Progress = s.progress
		s.failed = s.send(s.item)
	}
	clear(s.item.Changes)
	s.item.Changes, s.size = s.item.Changes[:0], 0
	return s.failed
}

// end sends the rest and makes the answer.
func (s *diffSender) end(r *diff.Report) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.item.Changes) > 0 {
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
	return diffEndOf(r, s.count), s.failed
}

// diffReader takes the items in where they arrive.
type diffReader struct {
	count int
	emit  func(diff.Change) error
	at    func(DiffProgress)
}

func (d *diffReader) item(raw json.RawMessage) error {
	var item DiffItem
	if err := json.Unmarshal(raw, &item); err != nil {
		return rpc.Errorf(rpc.InvalidResponse, "cannot read an item of %s: %w", methodDiff, err)
	}
	d.at(item.Progress)
	for i := range item.Changes {
		d.count++
		if err := d.emit(item.Changes[i].change()); err != nil {
			return err
		}
	}
	return nil
}

// end makes the report of the answer. One whose count is another than that of
// the changes that came is none.
func (d *diffReader) end(e *DiffEnd) (*diff.Report, error) {
	if e.Count != d.count {
		return nil, rpc.Errorf(rpc.InvalidResponse, "cannot read the answer to %s: %d of %d changes came", methodDiff, d.count, e.Count)
	}
	r, err := e.report()
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidResponse, "cannot read the answer to %s: %w", methodDiff, err)
	}
	return r, nil
}
