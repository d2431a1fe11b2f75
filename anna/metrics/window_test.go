package metrics

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWindowWithoutSamplesHasNoFigures(t *testing.T) {
	s := NewWindow(100).Stats()
	if s.Avg != nil || s.P50 != nil || s.P95 != nil || s.P99 != nil || s.Max != nil {
		t.Errorf("a window without samples has figures: %+v", s)
	}
	if s.Size != 100 || s.Count != 0 || s.ErrorRate().Known {
		t.Errorf("got size %d, count %d, rate %v", s.Size, s.Count, s.ErrorRate())
	}
}

func TestWindowNearestRank(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for _, tc := range []struct{ n, p50, p95, p99 int }{
		{1, 1, 1, 1},
		{2, 1, 2, 2},
		{3, 2, 3, 3},
		{20, 10, 19, 20},
		{21, 11, 20, 21},
		{99, 50, 95, 99},
		{100, 50, 95, 99},
		{101, 51, 96, 100},
		{250, 125, 238, 248},
	} {
		w := NewWindow(250)
		for _, i := range rand.Perm(tc.n) {
			w.Record(ms(i+1), false)
		}
		s := w.Stats()
		got := []time.Duration{*s.P50, *s.P95, *s.P99, *s.Max, *s.Avg}
		want := []time.Duration{ms(tc.p50), ms(tc.p95), ms(tc.p99), ms(tc.n), ms(tc.n+1) / 2}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d samples (-want +got):\n%s", tc.n, d)
		}
	}
}

func TestWindowKeepsTheLastAndRoundsToMicroseconds(t *testing.T) {
	w := NewWindow(2)
	w.Record(time.Hour, true)
	w.Record(1499*time.Nanosecond, false)
	w.Record(-time.Second, true)
	s := w.Stats()
	if s.Count != 2 || s.Errors != 1 || *s.Max != time.Microsecond || *s.P50 != 0 {
		t.Errorf("got count %d, errors %d, max %v, p50 %v", s.Count, s.Errors, *s.Max, *s.P50)
	}
}

// The ring behaves as a plain list of the last n, whatever is recorded and
// however it is resized.
func TestWindowAgainstAPlainList(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	w, size := NewWindow(7), 7
	var list []request
	for i := range 20_000 {
		if rnd.IntN(50) == 0 {
			size = 1 + rnd.IntN(30)
			w.Resize(size)
		} else {
			r := request{time.Duration(i), rnd.IntN(2) == 0}
			w.Record(r.took, r.failed)
			list = append(list, r)
		}
		list = list[max(0, len(list)-size):]
		if got := w.oldestFirst(); !slices.Equal(got, list) {
			t.Fatalf("step %d, size %d: got %v, want %v", i, size, got, list)
		}
	}
}

func TestWindowSizeIsBounded(t *testing.T) {
	for in, want := range map[int]int{-1: 1, 0: 1, 1: 1, MaxWindow + 1: MaxWindow} {
		if got := NewWindow(in).Stats().Size; got != want {
			t.Errorf("size %d becomes %d, want %d", in, got, want)
		}
	}
}

func TestWindowConcurrently(t *testing.T) {
	w := NewWindow(100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				w.Record(time.Millisecond, i%2 == 0)
				if i%100 == 0 {
					w.Stats()
					w.Resize(50 + i%60)
				}
			}
		})
	}
	wg.Wait()
	if s := w.Stats(); s.Count != s.Size || *s.P99 != time.Millisecond {
		t.Errorf("got %d of %d", s.Count, s.Size)
	}
}

func BenchmarkWindowRecord(b *testing.B) {
	w := NewWindow(DefaultWindow)
	b.ReportAllocs()
	for b.Loop() {
		w.Record(time.Millisecond, false)
	}
}

// The floor: the same store under a lock, without a ring.
func BenchmarkFloorLockedStore(b *testing.B) {
	var mu sync.Mutex
	var r request
	b.ReportAllocs()
	for b.Loop() {
		mu.Lock()
		r = request{time.Millisecond, false}
		mu.Unlock()
	}
	_ = r
}

func BenchmarkWindowStats(b *testing.B) {
	w := NewWindow(DefaultWindow)
	for i := range DefaultWindow {
		w.Record(time.Duration(i*7919%1000)*time.Microsecond, false)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Stats()
	}
}
