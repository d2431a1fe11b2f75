package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a caller pays for an event, and what the writer does in a second.
func BenchmarkAddEvents(b *testing.B) {
	now := then()
	s := open(b, b.TempDir(), Options{Now: func() time.Time { return now }, MaxPending: 1 << 30})
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		s.AddEvents(event(seq, "storage"))
		if seq%1000 == 0 {
			flush(b, s)
		}
	}
	flush(b, s)
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "events/s")
}

// The floor: the same rows through the bare driver, a thousand a transaction.
func BenchmarkFloorBareInserts(b *testing.B) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "bare.db"), "journal_mode(wal)", "synchronous(1)"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(migrations[0]); err != nil {
		b.Fatal(err)
	}
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		if seq%1000 == 0 {
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			st, err := tx.Prepare("INSERT INTO events (seq, time, domain, data) VALUES (?, ?, ?, ?)")
			if err != nil {
				b.Fatal(err)
			}
			for range 1000 {
				seq++
				e := event(seq, "storage")
				if _, err := st.Exec(int64(e.Seq), e.Time.UnixMicro(), e.Domain, string(e.Data)); err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
			seq -= 1000
		}
		seq++
	}
	b.ReportMetric(float64(seq)/b.Elapsed().Seconds(), "events/s")
}

// One tick of the daemon: 60 series of readings, the commit of a minute shared
// among its six ticks.
func BenchmarkObserve(b *testing.B) {
	now := then()
	s := open(b, b.TempDir(), Options{Now: func() time.Time { return now }})
	points := make([]Point, 60)
	for i := range points {
		points[i] = Point{fmt.Sprintf("mount./data/%d.used", i), float64(i)}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		now = now.Add(10 * time.Second)
		s.Observe(now, points...)
		if n%6 == 0 {
			flush(b, s)
		}
	}
	b.ReportMetric(float64(n*len(points))/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkSeriesHour reads an hour of one series out of a full database.
func BenchmarkSeriesHour(b *testing.B) {
	s, end := month(b, 24*time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		list, err := s.Series(b.Context(), "s7", end.Add(-time.Hour), end, TenSeconds)
		if err != nil || len(list) < 350 {
			b.Fatal(len(list), err)
		}
	}
}

// month simulates a daemon with 60 series for a time, with its commits.
func month(tb testing.TB, span time.Duration) (*Store, time.Time) {
	now := then()
	s := open(tb, tb.TempDir(), Options{Now: func() time.Time { return now }})
	points := make([]Point, 60)
	for i := range points {
		points[i].Series = fmt.Sprint("s", i)
	}
	seq := uint64(0)
	for end, tick := now.Add(span), 0; now.Before(end); tick++ {
		for i := range points {
			points[i].Value = float64(i) + float64(tick%997)/7
		}
		s.Observe(now, points...)
		if tick%60 == 0 { // an event every ten minutes
			seq++
			e := event(seq, "storage")
			e.Time = now
			s.AddEvents(e)
		}
		now = now.Add(10 * time.Second)
		if tick%6 == 0 {
			flush(tb, s)
		}
	}
	return s, now
}

// A month of a daemon's life stays within its bound. The whole month takes a
// minute and runs when asked for.
func TestMonth(t *testing.T) {
	span := 2 * time.Hour
	if os.Getenv("ANNA_TEST_LONG") == "1" {
		span = 30 * 24 * time.Hour
	}
	s, end := month(t, span)
	st := s.Stats()
	t.Logf("%v, 60 series: %d bytes on disk, %d commits, gave up %d rows", span, st.FileBytes, st.Commits, st.GaveUpRows)
	if st.FileBytes > 64<<20+2<<20 || st.GaveUpRows != 0 || st.LostSamples != 0 {
		t.Errorf("stats %+v", st)
	}
	for _, r := range []Resolution{TenSeconds, Minute, TenMinutes} {
		reach := min(span, r.keep())
		list, err := s.Series(t.Context(), "s7", end.Add(-reach), end, r)
		if want := int(reach / (time.Duration(r) * time.Second)); err != nil || len(list) < want-1 {
			t.Errorf("%d s: %d samples, want %d, %v", r, len(list), want, err)
		}
	}
	healthy(t, s)
}

// BenchmarkQuickCheck is what an unclean end costs at the next start.
func BenchmarkQuickCheck(b *testing.B) {
	s, _ := month(b, 24*time.Hour)
	b.SetBytes(s.Stats().FileBytes)
	for b.Loop() {
		if err := quickCheck(b.Context(), s.db.w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	dir := b.TempDir()
	for b.Loop() {
		s, err := Open(b.Context(), dir, Options{Now: then})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObserveOwn is what each second costs: twenty own figures.
func BenchmarkObserveOwn(b *testing.B) {
	now := then()
	s := open(b, "", Options{Now: func() time.Time { return now }})
	points := make([]Point, 20)
	for i := range points {
		points[i] = Point{fmt.Sprint("own", i), float64(i)}
	}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		s.ObserveOwn(now, points...)
	}
}
