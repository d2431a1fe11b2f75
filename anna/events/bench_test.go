package events

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkEvents puts the way of an event beside the floors it stands on: a
// bare channel, and a bare append of one record to a file.
func BenchmarkEvents(b *testing.B) {
	subjects := make([]string, 1000)
	for i := range subjects {
		subjects[i] = "/etc/anna/" + strconv.Itoa(i)
	}
	event := func(i int) Event {
		return Event{Domain: domains[i%domainCount], Kind: "changed", Subject: subjects[i%len(subjects)], Source: "bench"}
	}
	rate := func(b *testing.B) { b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s") }

	b.Run("floor=channel", func(b *testing.B) {
		b.ReportAllocs()
		c := make(chan Event, 4096)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range c {
			}
		}()
		for i := range b.N {
			c <- event(i)
		}
		close(c)
		<-done
		rate(b)
	})
	b.Run("floor=append", func(b *testing.B) {
		b.ReportAllocs()
		f, err := os.OpenFile(filepath.Join(b.TempDir(), "f"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		var record []byte
		for i := range b.N {
			ev := event(i)
			ev.Seq, ev.Time = uint64(i+1), time.Unix(0, int64(i))
			record = appendEventRecord(record[:0], &ev, nil)
			if _, err := f.Write(record); err != nil {
				b.Fatal(err)
			}
		}
		rate(b)
	})
	engine := func(b *testing.B, spool bool, producers, batch int) {
		b.ReportAllocs()
		o := Options{Settings: fast(), Handler: HandlerFunc(func(context.Context, Composite) error { return nil })}
		o.Settings.DrainTimeout = time.Minute
		if spool {
			o.Dir = b.TempDir()
		}
		e := newEngine(b, o)
		stop := run(b, e)
		b.ResetTimer()
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				evs := make([]Event, 0, batch)
				for i := p; i < b.N; i += producers {
					if evs = append(evs, event(i)); len(evs) == batch || i+producers >= b.N {
						if _, err := e.Observe(evs...); err != nil {
							b.Error(err)
							return
						}
						evs = evs[:0]
					}
				}
			})
		}
		wg.Wait()
		stop()
		if a := e.Accounting(); a.Observed != uint64(b.N) || a.Pending != 0 || a.Dropped != 0 {
			b.Fatalf("%+v of %d", a, b.N)
		}
		rate(b)
	}
	b.Run("memory/producers=1", func(b *testing.B) { engine(b, false, 1, 1) })
	b.Run("spool/producers=1", func(b *testing.B) { engine(b, true, 1, 1) })
	b.Run("spool/producers=8", func(b *testing.B) { engine(b, true, 8, 1) })
	b.Run("spool/producers=64", func(b *testing.B) { engine(b, true, 64, 1) })
	b.Run("spool/producers=1/batch=64", func(b *testing.B) { engine(b, true, 1, 64) })
}

func BenchmarkRecover(b *testing.B) {
	dir := b.TempDir()
	e, err := New(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 30_000 {
		if _, err := e.Observe(ev(Config, fmt.Sprint(i%4000))); err != nil {
			b.Fatal(err)
		}
	}
	size := e.Status().Spool.Bytes
	e.Close()
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		e, err := New(Options{Dir: dir})
		if err != nil || e.Status().Pending != 30_000 {
			b.Fatal(err)
		}
		e.Close()
	}
}

func BenchmarkAccounting(b *testing.B) {
	e := newEngine(b, Options{})
	if _, err := e.Observe(ev(Config, "x")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if a := e.Accounting(); !a.Closes() {
			b.Fatal(a)
		}
	}
}

// TestInotifyStorm counts memory while files are written faster than anybody
// could tell: ANNA_TEST_LONG=1 for 1 000 000 notices.
func TestInotifyStorm(t *testing.T) {
	writes := 100_000
	switch {
	case os.Getenv("ANNA_TEST_LONG") != "":
		writes = 1_000_000
	case testing.Short():
		writes = 20_000
	}
	dir := t.TempDir()
	for i := range 100 {
		write(t, filepath.Join(dir, "f"+strconv.Itoa(i)), "0")
	}
	s, err := NewConfigSource(ConfigOptions{Paths: []string{dir}})
	must(t, err)
	e := newEngine(t, Options{Dir: t.TempDir(), Settings: fast(), Handler: &recorder{}})
	stopEngine := run(t, e)
	stop := start(t, s, e)
	var files [100]*os.File
	for i := range files {
		f, err := os.OpenFile(filepath.Join(dir, "f"+strconv.Itoa(i)), os.O_WRONLY, 0)
		must(t, err)
		defer f.Close()
		files[i] = f
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, m.HeapInuse
	began := time.Now()
	for i := range writes { // neighbours differ: the kernel merges equal ones
		if _, err := files[i%100].WriteAt([]byte(strconv.Itoa(i)), 0); err != nil {
			t.Fatal(err)
		}
		if i%20_000 == 0 {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
	took := time.Since(began)
	// The last content of every file must have been seen, whatever was lost.
	write(t, filepath.Join(dir, "last"), "1")
	eventually(t, func() error {
		for _, ev := range e.Recent(500) {
			if ev.Subject == filepath.Join(dir, "last") {
				return nil
			}
		}
		return fmt.Errorf("the last file was not noticed")
	})
	runtime.ReadMemStats(&m)
	most = max(most, m.HeapInuse)
	for i := range 100 {
		path := filepath.Join(dir, "f"+strconv.Itoa(i))
		eventually(t, func() error {
			now, _ := readFile(path, 1<<20)
			if seen := s.get(path); seen == nil || *seen != now {
				return fmt.Errorf("%s is not as last seen", path)
			}
			return nil
		})
	}
	must(t, stop())
	stopEngine()
	t.Logf("%d writes in %v; heap %.1f -> %.1f MB; %+v; %+v", writes, took.Round(time.Millisecond),
		float64(before)/(1<<20), float64(most)/(1<<20), s.Status(), e.Accounting())
	if grown := int64(most) - int64(before); grown > 32<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if a := e.Accounting(); !a.Closes() || a.Dropped != 0 {
		t.Errorf("%+v", a)
	}
}
