package metrics

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestLatencyClasses(t *testing.T) {
	l := NewLatency(100, []string{"get_health_metrics", "diff_subvolumes", "follow_events"})
	l.Record("get_health_metrics", Quick, 2*time.Millisecond, false)
	l.Record("get_health_metrics", Quick, 4*time.Millisecond, true)
	l.Record("get_health_metrics", Self, time.Hour, false)
	l.Record("diff_subvolumes", Long, time.Minute, false)
	l.Record("follow_events", Stream, time.Second, false)
	s := l.Snapshot()
	if s.Quick.Count != 2 || s.Quick.Errors != 1 || *s.Quick.Max != 4*time.Millisecond {
		t.Errorf("only quick methods count over all, got %+v", s.Quick)
	}
	if s.Life.Count != 2 || *s.Life.Max < 4*time.Millisecond || *s.Life.Max > 4*time.Millisecond*102/100 {
		t.Errorf("the histogram holds %d, max %v", s.Life.Count, s.Life.Max)
	}
	if s.Requests != 4 || s.Errors != 1 || s.Self != 1 {
		t.Errorf("got %d requests, %d errors, %d of our own", s.Requests, s.Errors, s.Self)
	}
	byName := map[string]MethodStats{}
	for _, m := range s.Methods {
		byName[m.Name] = m
	}
	if m := byName["diff_subvolumes"]; m.Window.Count != 1 || *m.Window.P99 != time.Minute {
		t.Errorf("a long method has a window of its own, got %+v", m)
	}
	if m := byName["get_health_metrics"]; m.Self != 1 || m.Window.Count != 2 || m.Window.ErrorRate().Value != 0.5 {
		t.Errorf("got %+v", m)
	}
	if got := l.Overall(); got.Count != 2 {
		t.Errorf("Overall holds %d", got.Count)
	}
}

func TestLatencyDoesNotGrowWithInventedNames(t *testing.T) {
	l := NewLatency(10, []string{"a", "a"})
	for i := range 10_000 {
		l.Record(fmt.Sprint("invented", i), Quick, time.Millisecond, true)
	}
	s := l.Snapshot()
	if len(s.Methods) != 1 || s.Methods[0].Name != UnknownMethod || s.Methods[0].Requests != 10_000 {
		t.Errorf("got %+v", s.Methods)
	}
	if len(l.methods) != 2 || len(l.names) != 2 {
		t.Errorf("%d methods are kept, want 2", len(l.methods))
	}
}

func TestLatencyOutsideTheHistogram(t *testing.T) {
	l := NewLatency(10, []string{"a"})
	l.Record("a", Quick, -time.Second, false)
	l.Record("a", Quick, 48*time.Hour, false)
	if s := l.Snapshot().Life; s.Count != 2 {
		t.Errorf("the histogram lost %d of 2", 2-s.Count)
	}
}

func TestLatencyResizeKeepsWhatFits(t *testing.T) {
	l := NewLatency(4, []string{"a"})
	for i := range 4 {
		l.Record("a", Quick, time.Duration(i+1)*time.Second, false)
	}
	l.SetWindow(2)
	l.SetWindow(10)
	s := l.Snapshot()
	for _, w := range []WindowStats{s.Quick, s.Methods[0].Window} {
		if w.Size != 10 || w.Count != 2 || *w.P50 != 3*time.Second || *w.Max != 4*time.Second {
			t.Errorf("got %+v", w)
		}
	}
	if s.Life.Count != 4 {
		t.Errorf("the life histogram changed to %d", s.Life.Count)
	}
}

func TestLatencyAccountsForEveryRequestUnderLoad(t *testing.T) {
	l := NewLatency(100, []string{"a", "b"})
	const each = 5000
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range each {
				l.Record([]string{"a", "b", "c"}[i%3], Class((g+i)%4), time.Microsecond, i%5 == 0)
				if i%500 == 0 {
					l.Snapshot()
					l.SetWindow(50 + i%10)
				}
			}
		})
	}
	wg.Wait()
	if s := l.Snapshot(); s.Requests+s.Self != 4*each {
		t.Errorf("%d requests and %d of our own, want %d together", s.Requests, s.Self, 4*each)
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	l := NewLatency(100, []string{"a"})
	if n := testing.AllocsPerRun(1000, func() {
		l.Record("a", Quick, time.Millisecond, false)
		l.Record("invented", Long, time.Millisecond, true)
	}); n != 0 {
		t.Errorf("Record allocates %v times", n)
	}
}

func ExampleLatency() {
	l := NewLatency(DefaultWindow, []string{"get_status"})
	for i := 1; i <= 100; i++ {
		l.Record("get_status", Quick, time.Duration(i)*time.Millisecond, false)
	}
	fmt.Println(*l.Overall().Avg, *l.Overall().P99)
	// Output: 50.5ms 99ms
}

func BenchmarkLatencyRecord(b *testing.B) {
	l := NewLatency(DefaultWindow, []string{"get_status", "get_version", "get_health_metrics"})
	b.ReportAllocs()
	for b.Loop() {
		l.Record("get_status", Quick, 123*time.Microsecond, false)
	}
}

func BenchmarkLatencyRecordParallel(b *testing.B) {
	l := NewLatency(DefaultWindow, []string{"get_status"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Record("get_status", Quick, 123*time.Microsecond, false)
		}
	})
}

// The peer: a bare histogram, which keeps no window.
func BenchmarkPeerHistogram(b *testing.B) {
	h := hdrhistogram.New(1, lifeMax, 2)
	b.ReportAllocs()
	for b.Loop() {
		_ = h.RecordValue(123)
	}
}

func BenchmarkLatencySnapshot(b *testing.B) {
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	l := NewLatency(DefaultWindow, names)
	for i := range 4000 {
		l.Record(names[i%20], Quick, time.Duration(i*7919%1000)*time.Microsecond, false)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Snapshot()
	}
}
