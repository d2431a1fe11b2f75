package telemetry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("ANNA_TELEMETRY_CHILD"); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// open opens a store that is closed with the test.
func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func flush(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatalf("Flush: %v (trouble: %+v)", err, s.Trouble())
	}
}

func healthy(t testing.TB, s *Store) {
	t.Helper()
	if list := s.Trouble(); len(list) > 0 {
		t.Errorf("trouble: %+v", list)
	}
}

// then is when the tests' events happen.
func then() time.Time { return time.Unix(1_700_000_123, 0) }

// A clock is a time that a test moves while the writer reads it.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := new(clock)
	c.at.Store(at.UnixNano())
	return c
}

func (c *clock) now() time.Time { return time.Unix(0, c.at.Load()) }

func (c *clock) add(d time.Duration) time.Time { return time.Unix(0, c.at.Add(int64(d))) }

func event(seq uint64, domain string) Event {
	return Event{
		Seq: seq, Time: time.UnixMicro(1_700_000_000_000_000 + int64(seq)*1_000_000), Domain: domain,
		Data: json.RawMessage(fmt.Sprintf(`{"seq":%d,"what":"mounted"}`, seq)),
	}
}

// lastSeq is the highest sequence number of the history, 0 when it is empty.
func lastSeq(ctx context.Context, s *Store) (uint64, error) {
	list, err := s.Events(ctx, EventQuery{Limit: 1, Newest: true})
	if len(list) == 0 {
		return 0, err
	}
	return list[0].Seq, err
}

// fillStore hands in one of everything; readStore returns all of it.
func fillStore(s *Store, now time.Time) {
	s.AddEvents(event(1, "storage"), event(2, "network"), event(3, "storage"))
	s.SaveFinding(Finding{ID: "rpc-p99", Raised: now.Add(-time.Minute), Level: "critical", Evidence: json.RawMessage(`{"p99":600}`)})
	s.SaveFinding(Finding{ID: "memory", Raised: now.Add(-time.Hour), Cleared: now, Level: "warning", Evidence: json.RawMessage(`1`)})
	s.SaveGeneration(Generation{ID: 1, Time: now, Generation: 7, Origin: "signal", Digest: "abc", Outcome: "applied", Data: json.RawMessage(`{}`), Content: []byte("[daemon]\n")})
	s.SaveOperation(Operation{Kind: Scrub, Filesystem: "u-1", Started: now.Add(-time.Hour), Outcome: "running", Data: json.RawMessage(`{"errors":0}`)})
	s.SaveOperation(Operation{Kind: Scrub, Filesystem: "u-1", Started: now.Add(-time.Hour), Ended: now, Outcome: "finished", Data: json.RawMessage(`{"errors":0}`)})
	s.SaveOperation(Operation{Kind: Balance, Filesystem: "u-2", Started: now, Outcome: "running"})
	s.SaveState("mounts", []byte{1, 0, 2})
	s.SaveAck(Ack{ID: "memory", Time: now, Who: "root", Note: "known"})
	s.SaveAck(Ack{ID: "gone", Time: now})
	s.DeleteAck("gone")
	s.Observe(now.Add(-10*time.Second), Point{"load1", 0.5})
	s.Observe(now, Point{"load1", 1.5})
}

type everything struct {
	Events      []Event
	Findings    []Finding
	Generations []Generation
	One         Generation
	Scrubs, All []Operation
	State       []byte
	Acks        []Ack
	Load        []Sample
	Last        uint64
}

func readStore(t testing.TB, s *Store, now time.Time) everything {
	t.Helper()
	var e everything
	var errs [9]error
	ctx := t.Context()
	e.Events, errs[0] = s.Events(ctx, EventQuery{Domain: "storage", After: 1})
	e.Findings, errs[1] = s.Findings(ctx, now.Add(-2*time.Hour), 0)
	e.Generations, errs[2] = s.Generations(ctx, 0)
	e.One, _, errs[3] = s.Generation(ctx, 1)
	e.Scrubs, errs[4] = s.Operations(ctx, Scrub, "u-1", 0)
	e.All, errs[5] = s.Operations(ctx, Balance, "", 0)
	e.State, _, errs[6] = s.State(ctx, "mounts")
	e.Acks, errs[7] = s.Acks(ctx)
	e.Load, errs[8] = s.Series(ctx, "load1", now.Add(-time.Minute), now.Add(time.Minute), TenSeconds)
	e.Last, _ = lastSeq(ctx, s)
	for i, err := range errs {
		if err != nil {
			t.Errorf("query %d: %v", i, err)
		}
	}
	return e
}

// What was handed in is there at once, after the commit, and after a restart:
// each time the same.
func TestEverythingComesBack(t *testing.T) {
	now := time.UnixMicro(1_700_000_123_456_789)
	opt := Options{Now: func() time.Time { return now }}
	dir := filepath.Join(t.TempDir(), "new", "state")
	s := open(t, dir, opt)
	fillStore(s, now)
	want := readStore(t, s, now)
	if len(want.Events) != 1 || len(want.Findings) != 2 || len(want.Scrubs) != 1 || want.Scrubs[0].Outcome != "finished" ||
		len(want.All) != 1 || len(want.Acks) != 1 || len(want.Load) != 2 || want.Last != 3 || string(want.One.Content) != "[daemon]\n" {
		t.Fatalf("before the commit: %+v", want)
	}
	flush(t, s)
	if d := cmp.Diff(want, readStore(t, s, now)); d != "" {
		t.Errorf("after the commit (-want +got):\n%s", d)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, opt)
	if d := cmp.Diff(want, readStore(t, again, now)); d != "" {
		t.Errorf("after a restart (-want +got):\n%s", d)
	}
	healthy(t, again)
	if st := again.Stats(); st.InMemory || st.FileBytes == 0 || st.Path == "" {
		t.Errorf("stats %+v", st)
	}
}

// In memory all answers are the same, and they are kept until the directory
// can be used.
func TestMemoryIsTakenOverWhenTheDirectoryCanBeUsed(t *testing.T) {
	now := time.UnixMicro(1_700_000_123_456_789)
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{Now: func() time.Time { return now }})
	fillStore(s, now)
	want := readStore(t, s, now)
	if err := s.Flush(t.Context()); err == nil {
		t.Error("Flush claims to have written")
	}
	if list := s.Trouble(); len(list) != 1 || list[0].Kind != Directory || list[0].Fix == "" || !s.Stats().InMemory {
		t.Fatalf("trouble: %+v", list)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	if d := cmp.Diff(want, readStore(t, s, now)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	healthy(t, s)
	if st := s.Stats(); st.InMemory || st.Waiting != 0 || st.LostEvents+st.LostRecords+st.LostSamples != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestWithoutADirectoryTheStoreIsMemory(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	s := open(t, "", Options{Now: func() time.Time { return now }})
	fillStore(s, now)
	flush(t, s)
	if got := readStore(t, s, now); len(got.Events) != 1 || len(got.Load) != 2 {
		t.Errorf("got %+v", got)
	}
	healthy(t, s)
}

func TestClosedStore(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.AddEvents(event(1, "kernel"))
	s.ObserveOwn(time.Now(), Point{"x", 1})
	if err := s.Flush(t.Context()); err == nil {
		t.Error("Flush of a closed store claims to have written")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestOptionsOutOfBounds(t *testing.T) {
	for _, opt := range []Options{{MaxSize: 1}, {MaxPending: -1}, {CommitEvery: -1}} {
		if s, err := Open(t.Context(), t.TempDir(), opt); err == nil {
			s.Close(t.Context())
			t.Errorf("%+v is accepted", opt)
		}
	}
}

// The writer commits a minute after the first row and not before; findings at
// once. While nothing waits it has no timer: a fake hour passes without one.
func TestCommitTimes(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		commits := func(want uint64, when string) {
			t.Helper()
			for range 200 { // the disk is real: it may take real time
				synctest.Wait()
				if s.Stats().Commits == want {
					return
				}
				time.Sleep(time.Microsecond)
			}
			t.Errorf("%s: %d commits, want %d", when, s.Stats().Commits, want)
		}
		time.Sleep(time.Hour)
		commits(0, "idle")
		s.AddEvents(event(1, "kernel"))
		time.Sleep(59 * time.Second)
		commits(0, "after 59 s")
		time.Sleep(time.Second)
		commits(1, "after a minute")
		s.SaveFinding(Finding{ID: "x", Raised: time.Now(), Level: "warning"})
		commits(2, "a finding")
		time.Sleep(time.Hour)
		commits(2, "idle again")
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), Options{CommitEvery: time.Millisecond, Now: then})
	var wg sync.WaitGroup
	const each = 300
	for g := range 4 {
		wg.Go(func() {
			for i := range each {
				s.AddEvents(event(uint64(g*each+i+1), "devices"))
				s.ObserveOwn(time.Now(), Point{fmt.Sprint("series", g), float64(i)})
				s.SaveState(fmt.Sprint("key", g), []byte{byte(i)})
				if i%50 == 0 {
					s.Events(context.Background(), EventQuery{})
					s.Series(context.Background(), "series1", time.Unix(0, 0), time.Now(), Minute)
					s.Flush(context.Background())
					s.Stats()
					s.Trouble()
				}
			}
		})
	}
	wg.Wait()
	flush(t, s)
	list, err := s.Events(t.Context(), EventQuery{Limit: 10 * each})
	if err != nil || len(list) != 4*each {
		t.Errorf("%d events of %d, %v", len(list), 4*each, err)
	}
	healthy(t, s)
}

// A reader that holds its snapshot keeps no commit from going through.
func TestReadersDoNotBlockTheWriter(t *testing.T) {
	s := open(t, t.TempDir(), Options{Now: then})
	s.AddEvents(event(1, "kernel"))
	flush(t, s)
	tx, err := s.db.r.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	count := func() (n int) {
		if err := tx.QueryRow("SELECT count(*) FROM events").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 1 {
		t.Fatalf("the reader sees %d events", n)
	}
	for i := range 50 {
		s.AddEvents(event(uint64(i+2), "kernel"))
		flush(t, s)
	}
	if n := count(); n != 1 {
		t.Errorf("the snapshot changed to %d", n)
	}
	healthy(t, s)
}

// A number that SQLite has no place for is above all, and not below.
func TestEventsAfterTheLargestNumber(t *testing.T) {
	s := open(t, t.TempDir(), Options{Now: then})
	s.AddEvents(event(1, "kernel"))
	flush(t, s)
	for _, after := range []uint64{1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		if list, err := s.Events(t.Context(), EventQuery{After: after}); err != nil || len(list) != 0 {
			t.Errorf("after %d: %d events, %v", after, len(list), err)
		}
	}
}

func TestInvalidDataIsKeptAsText(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i, data := range []string{`{"half":`, "", "\xff\xfe", "\x00"} {
		s.AddEvents(Event{Seq: uint64(i + 1), Time: time.Now(), Domain: "kernel", Data: json.RawMessage(data)})
	}
	flush(t, s)
	list, err := s.Events(t.Context(), EventQuery{})
	if err != nil || len(list) != 4 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	for _, e := range list {
		if !json.Valid(e.Data) {
			t.Errorf("event %d is no JSON: %q", e.Seq, e.Data)
		}
	}
}

func ExampleStore() {
	dir, _ := os.MkdirTemp("", "anna-telemetry")
	defer os.RemoveAll(dir)
	s, err := Open(context.Background(), dir, Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(context.Background())
	begin := time.Unix(1_700_000_000, 0)
	for i := range 20 {
		s.Observe(begin.Add(time.Duration(i)*time.Second), Point{"load1", float64(i)})
	}
	list, _ := s.Series(context.Background(), "load1", begin, begin.Add(time.Minute), TenSeconds)
	for _, sample := range list {
		fmt.Println(sample.Min, sample.Avg, sample.Max, sample.Count)
	}
	// Output:
	// 0 4.5 9 10
	// 10 14.5 19 10
}
