package events

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// ConfigOptions are those of NewConfigSource.
type ConfigOptions struct {
	// Paths are the absolute paths of files and directories that are watched,
	// whether they exist or not. Of a directory the files right in it are
	// watched, but those of editors (".x", "x~", "x.swp").
	Paths []string
	// Settle is how long a file must be left alone before it is read; it is
	// read after ten times that in any case. 0 means 100 ms.
	Settle time.Duration
	// MaxFile is how much of a file is read, in bytes; of a larger one the rest
	// counts by size and time only. 0 means 1 MiB.
	MaxFile int64
	// MaxFiles bounds the files of all directories together; 0 means 4096.
	MaxFiles int
}

// A ConfigSource tells of files added, changed and removed, by inotify(7)
// notices. What a file is worth is a hash of its content with its mode and
// owner: a touch, or the same content written again, is no event. Links are
// followed wherever they stand in a path, and followed anew when one changes.
type ConfigSource struct {
	tracker[FileSeen]
	o ConfigOptions
}

// NewConfigSource makes the source.
func NewConfigSource(o ConfigOptions) (*ConfigSource, error) {
	if o.Settle == 0 {
		o.Settle = 100 * time.Millisecond
	}
	if o.MaxFile == 0 {
		o.MaxFile = 1 << 20
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 4096
	}
	o.Paths = slices.Clone(o.Paths)
	for i, path := range o.Paths {
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return nil, fmt.Errorf("cannot watch %q: it is no absolute path", path)
		}
		o.Paths[i] = filepath.Clean(path)
	}
	slices.Sort(o.Paths)
	o.Paths = slices.Compact(o.Paths)
	s := &ConfigSource{o: o}
	s.init("config")
	s.describe = describeFile
	s.valid = func(key string, _ FileSeen) error {
		if !filepath.IsAbs(key) {
			return fmt.Errorf("%q is no absolute path", key)
		}
		return nil
	}
	return s, nil
}

// settleMost is how many times Settle a file that is written without a pause
// is waited for.
const settleMost = 10

// Run implements [Source].
func (s *ConfigSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

func (s *ConfigSource) run(ctx context.Context, sink Sink) error {
	notices, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("cannot watch files: %w", err)
	}
	defer notices.Close()
	w := &fileWatch{o: s.o, notices: notices, watched: map[string]bool{}}
	settle := time.NewTimer(0)
	defer settle.Stop()
	<-settle.C
	look := func() (map[string]FileSeen, error) {
		current, err := w.look()
		if err == nil {
			s.rescope(current)
		}
		return current, err
	}
	catchUp := true
	for {
		if err := s.settle(ctx, sink, catchUp, look); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if w.degraded == "" {
			s.set(SourceRunning, "")
		} else {
			s.set(SourceDegraded, w.degraded)
		}
		lost, err := w.wait(ctx, settle)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot watch files: %w", err)
		}
		if catchUp = lost; lost {
			s.count(overflows, 1)
			s.count(rereads, 1)
		}
	}
}

// rescope makes what was reported fit the list of paths, which may be another
// than that of the saved state. A file that is no longer on it is forgotten:
// not to look at it does not make it removed. A file that is on it for the
// first time is taken as it is: to look at it does not make it added.
func (s *ConfigSource) rescope(current map[string]FileSeen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := func(scope []string, key string) bool {
		return slices.Contains(scope, key) || slices.Contains(scope, filepath.Dir(key))
	}
	for key := range s.reported {
		if !in(s.o.Paths, key) {
			delete(s.reported, key)
		}
	}
	for key, v := range current {
		if s.begun && !in(s.scope, key) {
			s.reported[key] = v
		}
	}
	s.scope = s.o.Paths
}

// wait returns when something that matters changed and was left alone for a
// while; lost says that the kernel dropped notices.
func (w *fileWatch) wait(ctx context.Context, settle *time.Timer) (lost bool, err error) {
	var first time.Time // of the notices that wait to settle
	defer settle.Stop()
	for {
		var settled <-chan time.Time
		if !first.IsZero() {
			settled = settle.C
		}
		select {
		case <-ctx.Done():
			return lost, nil
		case n, open := <-w.notices.Events:
			if !open {
				return lost, errors.New("the watch ended")
			}
			if !w.matters(n) {
				continue
			}
		case err, open := <-w.notices.Errors:
			switch {
			case !open:
				return lost, errors.New("the watch ended")
			case errors.Is(err, fsnotify.ErrEventOverflow):
				lost = true
			default:
				return lost, err
			}
		case <-settled:
			return lost, nil
		}
		if first.IsZero() {
			first = time.Now()
		}
		left := settleMost*w.o.Settle - time.Since(first)
		settle.Reset(max(min(w.o.Settle, left), 0))
	}
}

func describeFile(path string, old, now *FileSeen, _ bool) []Event {
	ev := Event{Domain: Config, Subject: path, Attributes: map[string]string{}}
	switch {
	case old == nil:
		ev.Kind, ev.Detail = "added", now.Kind
	case now == nil:
		ev.Kind, ev.Detail = "removed", old.Kind
	default:
		what := old.changes(now)
		if len(what) == 0 {
			return nil
		}
		ev.Kind, ev.Detail = "changed", strings.Join(what, ", ")
	}
	if now != nil {
		ev.Attributes["size"] = fmt.Sprint(now.Size)
		ev.Attributes["mode"] = fmt.Sprintf("%04o", now.Mode)
	}
	return []Event{ev}
}
