package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// stormText is a good configuration for each number. The store leaves the disk
// now and then only where the test does not look into it for every receipt.
func stormText(dir string, n int, exchange bool) string {
	return fmt.Sprintf(`[daemon]
max_connections = %d
[health]
rpc_window = %d
queue_warn = %d
queue_crit = 5000
[events]
debounce = "%dms"
cooldown = "0s"
history = %d
watch_files = [%q, "/etc/anna-test-%d"]
[telemetry]
max_size = "%dMB"
[modules]
network = %v
storage = %v
telemetry = %v
[reload]
watch = true
min_interval = "%ds"
`, 64+n%8, 20+n%100, 1+n%4000, n%3, 10+n%500, filepath.Join(dir, "watched"), n%5, 32+n%8, n%2 == 0, n%3 == 0, !exchange || n%2 == 0, 1+n%2)
}

// A storm is reloads by every way at once, of good and bad files, while the
// daemon has events and requests to handle.
type storm struct {
	*rig
	ctx      context.Context
	exchange bool
	mu       sync.Mutex
	answered map[int64]config.Receipt // by the daemon, over the socket
	requests atomic.Int64
}

func (s *storm) client() *rpc.Client {
	return &rpc.Client{Socket: s.Socket, Spec: applets.Table.Spec}
}

// asks calls methods until the storm is over.
func (s *storm) asks(methods ...string) {
	c := s.client()
	for i := 0; s.ctx.Err() == nil; i++ {
		method := methods[i%len(methods)]
		if err := c.Call(context.Background(), method, nil, nil); err != nil {
			s.t.Errorf("%s: %v", method, err)
			return
		}
		s.requests.Add(1)
	}
}

// reloadsByCall asks for reloads over the socket.
func (s *storm) reloadsByCall() {
	c := s.client()
	for s.ctx.Err() == nil {
		var rec config.Receipt
		err := c.Call(context.Background(), "reload", nil, &rec)
		var e *rpc.Error
		if errors.As(err, &e) && e.Code == rpc.ConfigInvalid {
			continue
		}
		if err != nil {
			s.t.Errorf("reload: %v", err)
			return
		}
		s.mu.Lock()
		s.answered[rec.ID] = rec
		s.mu.Unlock()
		time.Sleep(rand.N(5 * time.Millisecond))
	}
}

func (s *storm) signals() {
	for s.ctx.Err() == nil {
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
		time.Sleep(rand.N(10 * time.Millisecond))
	}
}

// writes replaces the file: good, invalid, no TOML, half written, gone.
func (s *storm) writes() {
	for n := 1; s.ctx.Err() == nil; n++ {
		switch n % 6 {
		case 1:
			s.write("[health]\nqueue_warn = \"many\"\n")
		case 2:
			s.write("[nonsense")
		case 3:
			os.WriteFile(s.file, []byte(stormText(s.dir, n, s.exchange)[:100]), 0o600)
		default:
			s.write(stormText(s.dir, n, s.exchange))
		}
		os.WriteFile(filepath.Join(s.dir, "watched"), fmt.Append(nil, n), 0o600)
		time.Sleep(rand.N(15 * time.Millisecond))
	}
}

// observes puts events into the queue, and counts those that it takes.
func (s *storm) observes(accepted *atomic.Uint64) {
	for i := 0; s.ctx.Err() == nil; i++ {
		n, _ := s.engine.Observe(events.Event{Domain: events.Network, Kind: "changed", Subject: fmt.Sprint("link", i%20), Source: "test"})
		accepted.Add(uint64(n))
		time.Sleep(rand.N(2 * time.Millisecond))
	}
}

func runStorm(t *testing.T, exchange bool, length time.Duration) {
	r := newRig(t, "")
	r.write(stormText(r.dir, 0, exchange))
	r.load(config.Applied)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Ignore(syscall.SIGHUP) })
	var ended sync.WaitGroup
	ended.Go(func() { r.reloadOnSignals(hangups) })
	goroutines, heap := usage()

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	s := &storm{rig: r, ctx: ctx, exchange: exchange, answered: map[int64]config.Receipt{}}
	var accepted atomic.Uint64
	var load sync.WaitGroup
	for _, f := range []func(){
		func() { s.asks("get_status", "get_config", "get_last_reload", "get_version") },
		func() { s.asks("get_health_metrics", "list_events", "list_generations", "list_capabilities") },
		s.reloadsByCall, s.reloadsByCall, s.signals, s.writes,
		func() { s.observes(&accepted) },
	} {
		load.Go(f)
	}
	for ctx.Err() == nil {
		if a := r.engine.Accounting(); !a.Closes() {
			t.Fatalf("the account of events does not close: %+v", a)
		}
		time.Sleep(5 * time.Millisecond)
	}
	load.Wait()

	// What is on disk when everybody has asked is what holds in the end.
	r.write(stormText(r.dir, 3998, false))
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	for deadline := time.Now().Add(20 * time.Second); r.host.Config().Health().QueueWarn != 3999; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the last request is lost")
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		a := r.engine.Accounting()
		if a.Pending == 0 && a.Closes() && a.Observed >= accepted.Load() {
			if a.Dropped > 0 {
				t.Errorf("%d events dropped", a.Dropped)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events accepted, and the account is %+v", accepted.Load(), a)
		}
	}
	s.checkReceipts()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		g, h := usage()
		if g <= goroutines+2 && h <= heap+8<<20 {
			t.Logf("goroutines %d, then %d; heap %.1f MB, then %.1f MB", goroutines, g, float64(heap)/(1<<20), float64(h)/(1<<20))
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("goroutines %d, then %d; heap %d, then %d", goroutines, g, heap, h)
		}
	}
	r.stop()
	hangups <- syscall.SIGHUP // ends it
	ended.Wait()
}

// checkReceipts holds that every attempt has its receipt, in the store and as
// it was answered.
func (s *storm) checkReceipts() {
	// A reload that the watch begins late may end between two looks: look
	// until nothing does.
	until := time.Now().Add(10 * time.Second)
	list := s.receipts()
	last, _ := s.reloads.status()
	for len(list) > 0 && list[len(list)-1].ID != last.ID && time.Now().Before(until) {
		time.Sleep(10 * time.Millisecond)
		list = s.receipts()
		last, _ = s.reloads.status()
	}
	ways := map[string]int{}
	stored := map[int64]config.Receipt{}
	for _, rec := range list {
		ways[rec.Origin+" "+string(rec.Outcome)]++
		stored[rec.ID] = rec
	}
	if len(list) == 0 || list[len(list)-1].ID != last.ID {
		s.t.Errorf("the last receipt %d is not stored: %v", last.ID, brief(list))
	}
	s.t.Logf("%d attempts: %v; %d requests", last.ID, ways, s.requests.Load())
	if s.exchange {
		return // what came while the store kept nothing is gone
	}
	s.dense(list)
	for id, rec := range s.answered {
		if kept, ok := stored[id]; id >= list[0].ID && (!ok || kept.Outcome != rec.Outcome || kept.Generation != rec.Generation || kept.Digest != rec.Digest) {
			s.t.Errorf("answered %v, stored %v", rec, kept)
		}
	}
	for _, way := range []string{"rpc applied", "rpc rejected", "signal"} {
		found := 0
		for name, n := range ways {
			if strings.HasPrefix(name, way) {
				found += n
			}
		}
		if found == 0 {
			s.t.Errorf("no %s in the storm: %v", way, ways)
		}
	}
}

// usage is how many goroutines there are and what is on the heap, once garbage
// is gone.
func usage() (goroutines int, heap uint64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// TestStorm is the storm where every receipt is stored; TestStormExchange is one
// in which the store leaves the disk and comes back all the time.
func TestStorm(t *testing.T)         { runStorm(t, false, stormLength()) }
func TestStormExchange(t *testing.T) { runStorm(t, true, stormLength()/2) }

func stormLength() time.Duration {
	switch {
	case os.Getenv("ANNA_TEST_LONG") == "1":
		return time.Minute
	case testing.Short():
		return time.Second
	}
	return 4 * time.Second
}
