package daemon

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// TestForgetUnmounted holds that what is said of a file system ends when it is
// unmounted, and not with the next look.
func TestForgetUnmounted(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 << 20}, "-L", "leaving", "-m", "single")
	annatest.NewDisk(t, []int64{256 << 20}, "-L", "staying", "-m", "single")
	b := newRunningBtrfs(t)
	b.watch.look(t.Context())
	b.scrubs.look(t.Context())
	for _, name := range []string{"leaving", "staying"} {
		if fs, scrubs := b.told(name); !fs || !scrubs {
			t.Fatalf("%s is not told of: %v, %v", name, fs, scrubs)
		}
	}
	during(t, b.followMounts)
	d.Unmount(t)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		fs, scrubs := b.told("leaving")
		if !fs && !scrubs {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is told of after it was unmounted: %v, %v", fs, scrubs)
		}
	}
	if fs, scrubs := b.told("staying"); !fs || !scrubs {
		t.Errorf("what is mounted is no longer told of: %v, %v", fs, scrubs)
	}
}

// TestNewMount holds that a file system is known soon after it was mounted, and not
// with the next look, which may be a minute away.
func TestNewMount(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	b := newRunningBtrfs(t)
	looked := make(chan struct{}, 1)
	during(t, b.watch.run, b.scrubs.run, b.followMounts, func(ctx context.Context) {
		b.run(ctx, func(time.Time, ...telemetry.Point) {
			select {
			case looked <- struct{}{}:
			default:
			}
		})
	})
	for !b.looked() || !b.scrubs.looked.Load() || !b.watch.filesystems().Known {
		time.Sleep(10 * time.Millisecond)
	}
	select { // what the first look saw
	case <-looked:
	default:
	}
	annatest.NewDisk(t, []int64{256 << 20}, "-L", "coming", "-m", "single")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		fs, scrubs := b.told("coming")
		if fs && scrubs {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not told of long after it was mounted: %v, %v", fs, scrubs)
		}
	}
	select {
	case <-looked:
	case <-time.After(30 * time.Second):
		t.Error("it is not measured long after it was mounted")
	}
}

func newRunningBtrfs(t *testing.T) *runningBtrfs {
	store := openMemory(t)
	opened := func() *telemetry.Store { return store }
	log := slog.New(slog.DiscardHandler)
	m := &modules{log: log, store: opened, btrfsConfig: func() config.Btrfs { return config.Btrfs{HeadroomWarn: 1 << 30} }}
	return &runningBtrfs{btrfsModule: newBtrfsModule(view{}), watch: m.newBtrfsWatch(), scrubs: newScrubWatch(log, opened)}
}

// told says by whom a file system is told of.
func (b *runningBtrfs) told(name string) (btrfs, scrubs bool) {
	for _, f := range b.watch.filesystems().Value {
		btrfs = btrfs || f.Name == name
	}
	for _, s := range b.scrubs.judge(time.Now(), time.Hour).Value {
		scrubs = scrubs || s.Name == name
	}
	return btrfs, scrubs
}

// during runs functions until the end of the test.
func during(t *testing.T, runs ...func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range runs {
		running.Go(func() { run(ctx) })
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}
