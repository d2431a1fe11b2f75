package events

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	childMain()
	idleMain()
	watcherMain()
	goleak.VerifyTestMain(m)
}

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// run runs e until stop is called.
func run(t testing.TB, e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

// fast are settings for tests that do not look at the times.
func fast() Settings {
	s := DefaultSettings()
	s.Debounce, s.Cooldown = time.Millisecond, time.Millisecond
	return s
}

func mustObserve(t testing.TB, s Sink, evs ...Event) {
	t.Helper()
	if n, err := s.Observe(evs...); err != nil || n != len(evs) {
		t.Fatalf("Observe = %d, %v, want %d", n, err, len(evs))
	}
}

func ev(d Domain, subject string) Event {
	return Event{Domain: d, Kind: "changed", Subject: subject, Source: "test"}
}

// recorder is a handler that keeps what it gets.
type recorder struct {
	mu   sync.Mutex
	got  []Composite
	at   []time.Time
	fail func(n int) error
}

func (r *recorder) Handle(_ context.Context, c Composite) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, c)
	r.at = append(r.at, time.Now())
	if r.fail != nil {
		return r.fail(len(r.got))
	}
	return nil
}

func (r *recorder) all() []Composite {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Composite(nil), r.got...)
}

func TestDebounceAndCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		e := newEngine(t, Options{Handler: r})
		stop := run(t, e)
		start := time.Now()
		mustObserve(t, e, ev(Config, "/etc/a"))
		time.Sleep(100 * time.Millisecond)
		mustObserve(t, e, ev(Config, "/etc/b"), ev(Config, "/etc/a"))
		mustObserve(t, e, ev(Network, "eth0"))
		time.Sleep(250 * time.Millisecond) // config at 300, network at 400
		synctest.Wait()
		if got := r.all(); len(got) != 1 || got[0].Domain != Config || len(got[0].Causes) != 2 ||
			got[0].Causes[0].Count != 2 || got[0].Count != 3 || got[0].FirstSeq != 1 || got[0].LastSeq != 3 {
			t.Fatalf("after 350 ms: %+v", got)
		}
		mustObserve(t, e, ev(Config, "/etc/c")) // cools down until 30.3 s
		time.Sleep(20 * time.Second)
		mustObserve(t, e, ev(Config, "/etc/c"))
		synctest.Wait()
		if got := r.all(); len(got) != 2 || got[1].Domain != Network {
			t.Fatalf("cooling down: %+v", got)
		}
		if a := e.Accounting(); a.Pending != 2 || !a.Closes() {
			t.Fatalf("deferred events are not pending: %+v", a)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		got := r.all()
		if len(got) != 3 || got[2].Count != 2 || got[2].Number != 3 {
			t.Fatalf("after the cool-down: %+v", got)
		}
		if at := r.at[2].Sub(start); at != 30300*time.Millisecond {
			t.Errorf("second config composite after %v, want 30.3s", at)
		}
		if a := e.Accounting(); a != (Accounting{Observed: 6, Processed: 3, Merged: 3}) {
			t.Errorf("accounting %+v", a)
		}
		stop()
	})
}

func TestBoundDropsAndTellsWhenThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := DefaultSettings()
		s.QueueLimit = 4
		e := newEngine(t, Options{Settings: s, Handler: &recorder{}})
		for i := range 4 {
			mustObserve(t, e, ev(Config, fmt.Sprint(i)))
		}
		n, err := e.Observe(ev(Config, "0"), ev(Config, "new"), ev(Config, "not looked at"))
		if n != 1 || !errors.Is(err, ErrFull) {
			t.Fatalf("Observe = %d, %v; want the waiting cause accepted and the new one refused", n, err)
		}
		if a := e.Accounting(); a.Observed != 6 || a.Dropped != 1 || a.Pending != 5 || !a.Closes() {
			t.Fatalf("%+v", a)
		}
		room := e.Room()
		select {
		case <-room:
			t.Fatal("a full queue has room")
		default:
		}
		stop := run(t, e)
		time.Sleep(time.Second)
		<-room
		mustObserve(t, e, ev(Config, "new"))
		stop()
	})
}

func TestByteBoundSparesCounts(t *testing.T) {
	s := DefaultSettings()
	s.QueueBytes = 64 << 10
	e := newEngine(t, Options{Settings: s})
	big := ev(Config, "x")
	big.Attributes = map[string]string{"a": string(make([]byte, 1000))}
	var accepted uint64
	for i := range 1000 {
		big.Subject = fmt.Sprint(i)
		if n, err := e.Observe(big); err == nil {
			accepted += uint64(n)
		} else if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
	}
	if accepted == 0 || accepted > 64 {
		t.Fatalf("%d events of 1.3 kB in 64 KiB", accepted)
	}
	big.Subject = "0"
	mustObserve(t, e, big)
	if st := e.Status(); st.Bytes > s.QueueBytes || !st.Closes() {
		t.Errorf("%d bytes held, bound %d; %+v", st.Bytes, s.QueueBytes, st.Accounting)
	}
}

func TestHandlerRetryPanicAndGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fail: func(n int) error {
			switch n {
			case 1:
				panic("first attempt")
			case 3, 4:
				return errors.New("database on strike")
			}
			return nil
		}}
		e := newEngine(t, Options{Handler: r})
		stop := run(t, e)
		mustObserve(t, e, ev(Config, "a"))
		time.Sleep(time.Minute)
		mustObserve(t, e, ev(Config, "b"), ev(Config, "b"))
		time.Sleep(time.Minute)
		synctest.Wait()
		st := e.Status()
		if st.Failed != 1 || st.Processed != 2 || st.Merged != 1 || st.Handler.LastError != "database on strike" {
			t.Errorf("%+v", st)
		}
		items, _, err := e.FollowComposites(1).Next(t.Context())
		if err != nil || len(items) != 2 || items[0].Error != "" || items[1].Error == "" {
			t.Errorf("composites %+v, %v", items, err)
		}
		stop()
	})
}

func TestHandlerDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		release := make(chan struct{})
		h := HandlerFunc(func(ctx context.Context, _ Composite) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release // deaf to ctx
			return ctx.Err()
		})
		e := newEngine(t, Options{Handler: h})
		stop := run(t, e)
		mustObserve(t, e, ev(Config, "a"))
		time.Sleep(20 * time.Second)
		mustObserve(t, e, ev(Network, "b"))
		time.Sleep(20 * time.Second)
		st := e.Status()
		if !st.Handler.Stuck || st.Handler.RunningSec < 30 || st.Overdue != 2 || st.OldestSec < 39 {
			t.Errorf("stuck handler: %+v", st)
		}
		close(release)
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := e.Status(); st.Handler.Stuck || st.Pending != 0 || st.Processed != 2 || most.Load() != 1 {
			t.Errorf("afterwards, at most %d at once: %+v", most.Load(), st)
		}
		stop()
	})
}

func TestStopIsBoundedByADeafHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		dir := t.TempDir()
		e := newEngine(t, Options{Dir: dir, Handler: HandlerFunc(func(context.Context, Composite) error {
			<-release
			return nil
		})})
		stop := run(t, e)
		mustObserve(t, e, ev(Config, "a"))
		time.Sleep(time.Second)
		before := time.Now()
		stop()
		if took := time.Since(before); took > 3*time.Second {
			t.Errorf("Run ended after %v", took)
		}
		e.Close()
		close(release)
		r := &recorder{}
		again := newEngine(t, Options{Dir: dir, Handler: r})
		stop = run(t, again)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.all(); len(got) != 1 || got[0].Number != 1 || got[0].Causes[0].Subject != "a" {
			t.Errorf("after the restart: %+v", got)
		}
		stop()
		again.Close()
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		e := newEngine(t, Options{Handler: r})
		stop := run(t, e)
		mustObserve(t, e, ev(Config, "a"), ev(Storage, "b"))
		before := time.Now()
		stop()
		if a := e.Accounting(); a.Processed != 2 || time.Since(before) > 0 {
			t.Errorf("%+v after %v", a, time.Since(before))
		}
	})
}

func TestSetSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		e := newEngine(t, Options{Handler: r})
		stop := run(t, e)
		mustObserve(t, e, ev(Config, "a"))
		time.Sleep(time.Second)
		mustObserve(t, e, ev(Config, "b"), ev(Config, "c"))
		synctest.Wait()
		s := DefaultSettings()
		s.Cooldown, s.History, s.QueueLimit = time.Second, 2, 1
		if err := e.SetSettings(s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := r.all(); len(got) != 2 || got[1].Count != 2 {
			t.Errorf("the shorter cool-down is not in force: %+v", got)
		}
		if items, missed, _ := e.Follow(1).Next(t.Context()); len(items) != 2 || missed != 1 || items[0].Seq != 2 {
			t.Errorf("history of 2: %+v, missed %d", items, missed)
		}
		s.QueueLimit = 0
		if err := e.SetSettings(s); err == nil {
			t.Error("a bound of 0 was taken")
		}
		stop()
	})
}

func TestFollow(t *testing.T) {
	s := fast()
	s.History = 10
	e := newEngine(t, Options{Settings: s})
	for i := range 5 {
		mustObserve(t, e, ev(Config, fmt.Sprint(i)))
	}
	f := e.Follow(3)
	items, missed, err := f.Next(t.Context())
	if err != nil || missed != 0 || len(items) != 3 || items[0].Seq != 3 {
		t.Fatalf("from 3: %v, missed %d, %v", items, missed, err)
	}
	for i := range 25 { // a slow follower
		mustObserve(t, e, ev(Config, fmt.Sprint(i)))
	}
	if items, missed, _ = f.Next(t.Context()); missed != 15 || len(items) != 10 || items[0].Seq != 21 || f.Position() != 31 {
		t.Fatalf("slow: %d items, missed %d", len(items), missed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	mustObserve(t, e, ev(Config, "last"))
	if got := e.Recent(2); len(got) != 2 || got[1].Seq != 31 {
		t.Errorf("Recent: %+v", got)
	}
	e.Close()
	if items, _, err := f.Next(t.Context()); err != nil || len(items) != 1 {
		t.Errorf("what is left after Close: %v, %v", items, err)
	}
	if _, _, err := f.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := e.Observe(ev(Config, "x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Observe after Close: %v", err)
	}
}

func TestInvalidEvents(t *testing.T) {
	e := newEngine(t, Options{})
	for _, bad := range []Event{
		{Domain: "weather", Kind: "x"},
		{Domain: Config},
		{Domain: Config, Kind: string(make([]byte, 65))},
	} {
		if _, err := e.Observe(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	long := ev(Config, string(make([]rune, 5000)))
	long.Attributes = map[string]string{"a": string(make([]byte, 5000))}
	mustObserve(t, e, long)
	got := e.Recent(1)[0]
	if len(got.Subject) > MaxSubject || len(got.Attributes["a"]) > MaxAttribute || len(long.Attributes["a"]) != 5000 {
		t.Error("long texts: not cut, or cut in the caller's map")
	}
	if a := e.Accounting(); a.Observed != 1 {
		t.Errorf("%+v", a)
	}
}

// TestAccountingClosesAtAllTimes runs random load, settings changes, failing
// handlers and restarts beside a reader that never sees a sum that is off, and
// a follower that never sees a gap that it was not told.
func TestAccountingClosesAtAllTimes(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var produced, accepted, refused atomic.Uint64
	var handled atomic.Uint64
	numbers := map[uint64]uint64{}
	for round := range 3 {
		h := HandlerFunc(func(_ context.Context, c Composite) error {
			var sum uint64
			for _, cause := range c.Causes {
				sum += cause.Count
			}
			if sum != c.Count {
				t.Errorf("composite %d: causes make %d of %d", c.Number, sum, c.Count)
			}
			if c.Number%7 == 0 {
				return errors.New("seventh")
			}
			if numbers[c.Number] == 0 {
				handled.Add(c.Count)
			}
			numbers[c.Number] = c.Count
			return nil
		})
		s := fast()
		s.QueueLimit = 64
		e := newEngine(t, Options{Dir: dir, Settings: s, Handler: h})
		stop := run(t, e)
		quit := make(chan struct{})
		var watch, load sync.WaitGroup
		watch.Go(func() {
			for {
				if a := e.Accounting(); !a.Closes() {
					t.Errorf("does not close: %+v", a)
				}
				select {
				case <-quit:
					return
				default:
				}
			}
		})
		watch.Go(func() {
			f := e.Follow(0)
			last := f.Position() - 1
			for {
				items, missed, err := f.Next(context.Background())
				if err != nil {
					return
				}
				last += missed
				for _, it := range items {
					if last++; it.Seq != last {
						t.Errorf("follower: seq %d after %d", it.Seq, last-1)
						return
					}
				}
			}
		})
		for p := range 6 {
			load.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(round*10+p)))
				for range 1500 {
					batch := make([]Event, 1+r.IntN(3))
					for i := range batch {
						batch[i] = ev(domains[r.IntN(domainCount)], fmt.Sprint(r.IntN(200)))
					}
					n, err := e.Observe(batch...)
					accepted.Add(uint64(n))
					produced.Add(uint64(n))
					if errors.Is(err, ErrFull) {
						refused.Add(1)
						produced.Add(1)
					} else if err != nil {
						t.Error(err)
					}
					if r.IntN(200) == 0 {
						s := fast()
						s.QueueLimit, s.History = 16+r.IntN(200), r.IntN(50)
						if err := e.SetSettings(s); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		load.Wait()
		if round < 2 {
			s.DrainTimeout = 0 // leaves something pending, mostly
			if err := e.SetSettings(s); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		close(quit)
		e.Close()
		watch.Wait()
		a := e.Accounting()
		if a.Observed != produced.Load() || a.Dropped != refused.Load() || !a.Closes() {
			t.Fatalf("round %d: %+v, produced %d, refused %d", round, a, produced.Load(), refused.Load())
		}
		t.Logf("round %d: %+v", round, a)
	}
}
