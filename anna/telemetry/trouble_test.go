package telemetry

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// recovers holds that after the mend everything is on disk, nothing lost.
func recovers(t *testing.T, s *Store) {
	t.Helper()
	flush(t, s)
	if st := s.Stats(); st.InMemory || st.Waiting != 0 || st.LostEvents != 0 {
		t.Errorf("stats %+v", st)
	}
	healthy(t, s)
}

// Another daemon with the same state directory: the second runs in memory and
// takes over when the first is gone.
func TestAnotherProcessHoldsIt(t *testing.T) {
	dir := t.TempDir()
	other := startChild(t, dir)
	s := open(t, dir, Options{Now: then})
	inMemory(t, s, Locked)
	other.kill()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	recovers(t, s)
}

// Another connection keeps a transaction open: the commit fails, what it held
// waits and is written later.
func TestSomebodyWritesToIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Now: then})
	s.AddEvents(event(1, "kernel"))
	flush(t, s)
	other, err := sql.Open("sqlite", dsn(filepath.Join(dir, fileName)))
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	defer other.Close()
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	s.AddEvents(event(2, "kernel"))
	if err := s.Flush(t.Context()); err == nil {
		t.Error("Flush claims to have written")
	}
	if list := s.Trouble(); len(list) != 1 || list[0].Kind != Locked {
		t.Errorf("trouble %+v", list)
	}
	if list, err := s.Events(t.Context(), EventQuery{}); err != nil || len(list) != 2 {
		t.Errorf("%d events, %v", len(list), err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	recovers(t, s)
}

func TestNewerAndForeignAreLeftAlone(t *testing.T) {
	for kind, prepare := range map[Kind]string{
		Newer:   "PRAGMA user_version = 4711",
		Foreign: "PRAGMA application_id = 4711",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		s := open(t, dir, Options{Now: then})
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", dsn(path))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(prepare); err != nil {
			t.Fatal(err)
		}
		db.Close()
		before, _ := os.ReadFile(path)
		inMemory(t, open(t, dir, Options{Now: then}), kind)
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", kind)
		}
	}
}

// mountTmpfs mounts a small file system for the test.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	annatest.Require(t, annatest.Root)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=700,size="+size); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := mountTmpfs(t, "16m")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{Now: then})
	inMemory(t, s, ReadOnly)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	recovers(t, s)
}

func TestDiskFullFromTheStart(t *testing.T) {
	dir := mountTmpfs(t, "1m")
	filler := fillUp(t, dir, 0)
	s := open(t, dir, Options{Now: then})
	inMemory(t, s, Full)
	os.Remove(filler)
	recovers(t, s)
}

func TestDiskFullInUse(t *testing.T) {
	dir := mountTmpfs(t, "4m")
	s := open(t, dir, Options{Now: then})
	s.AddEvents(event(1, "kernel"))
	flush(t, s)
	filler := fillUp(t, dir, 8<<10)
	for i := range 200 {
		e := event(uint64(i+2), "storage")
		e.Data = json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
		s.AddEvents(e)
	}
	if err := s.Flush(t.Context()); err == nil {
		t.Fatal("Flush claims to have written")
	}
	if list := s.Trouble(); len(list) != 1 || list[0].Kind != Full {
		t.Errorf("trouble %+v", list)
	}
	if list, err := s.Events(t.Context(), EventQuery{}); err != nil || len(list) != 201 {
		t.Errorf("%d events, %v", len(list), err)
	}
	os.Remove(filler)
	recovers(t, s)
	if st := s.Stats(); st.GaveUpRows != 0 || st.SetAside != 0 {
		t.Errorf("a full disk is no reason to give up history: %+v", st)
	}
}

// fillUp leaves about so many bytes free.
func fillUp(t *testing.T, dir string, leave int) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(info.Size() - int64(leave)); err != nil {
		t.Fatal(err)
	}
	return path
}

// What waits is bounded; what goes is counted and said.
func TestMemoryIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	write(t, dir, "", 0o600)
	s := open(t, dir, Options{Now: then, MaxPending: 64 << 10})
	const n = 3000
	for i := range n {
		s.AddEvents(event(uint64(i+1), "kernel"))
		s.SaveState(fmt.Sprint("key", i%10), []byte("value"))
		s.Observe(then().Add(time.Duration(i)*10*time.Second), Point{"x", 1})
	}
	st := s.Stats()
	if st.WaitBytes > 64<<10 || st.LostRecords != 0 || st.LostEvents == 0 || st.LostSamples == 0 {
		t.Errorf("stats %+v", st)
	}
	list, err := s.Events(t.Context(), EventQuery{Limit: n})
	if err != nil || uint64(len(list))+st.LostEvents != n || list[len(list)-1].Seq != n {
		t.Errorf("%d events and %d lost of %d, %v", len(list), st.LostEvents, n, err)
	}
	found := false
	for _, tr := range s.Trouble() {
		found = found || tr.Kind == Losing
	}
	if !found {
		t.Errorf("nobody says that history was lost: %+v", s.Trouble())
	}
}

// The file is bounded: the oldest history goes first, and is counted.
func TestFileIsBounded(t *testing.T) {
	clock := newClock(then())
	now := clock.now()
	s := open(t, t.TempDir(), Options{MaxSize: 2 << 20, Now: clock.now, MaxPending: 8 << 20})
	s.SaveFinding(Finding{ID: "kept", Raised: now, Level: "warning"})
	seq := uint64(0)
	for range 40 {
		for range 100 {
			seq++
			e := event(seq, "kernel")
			e.Data = json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
			s.AddEvents(e)
		}
		clock.add(time.Minute)
		flush(t, s)
		if size := s.Stats().FileBytes; size > 2<<20+2*walPages*pageSize {
			t.Fatalf("the file has %d bytes after %d events", size, seq)
		}
	}
	st := s.Stats()
	list, err := s.Events(t.Context(), EventQuery{Limit: 10_000})
	if err != nil || st.GaveUpRows == 0 || uint64(len(list))+st.GaveUpRows != seq || list[len(list)-1].Seq != seq {
		t.Errorf("%d events and %d given up of %d, %v", len(list), st.GaveUpRows, seq, err)
	}
	if f, err := s.Findings(t.Context(), time.Time{}, 0); err != nil || len(f) != 1 {
		t.Errorf("findings %v, %v", f, err)
	}
	healthy(t, s)
}

func TestRetention(t *testing.T) {
	clock := newClock(then())
	now := clock.now()
	s := open(t, t.TempDir(), Options{Now: clock.now})
	for i := range mostGenerations + 20 {
		s.SaveGeneration(Generation{ID: int64(i + 1), Time: now, Content: make([]byte, 100_000)})
		if i%20 == 0 {
			flush(t, s)
		}
	}
	s.AddEvents(Event{Seq: 1, Time: now.Add(-31 * 24 * time.Hour), Domain: "kernel"}, Event{Seq: 2, Time: now, Domain: "kernel"})
	s.SaveFinding(Finding{ID: "open", Raised: now.Add(-1000 * time.Hour * 24), Level: "warning"})
	s.SaveFinding(Finding{ID: "old", Raised: now.Add(-1000 * time.Hour * 24), Cleared: now.Add(-100 * 24 * time.Hour), Level: "warning"})
	s.Observe(now.Add(-2*time.Hour), Point{"x", 1})
	s.Observe(now, Point{"x", 2})
	now = clock.add(pruneEvery)
	flush(t, s)
	gens, err := s.Generations(t.Context(), 0)
	if err != nil || len(gens) != mostGenerations {
		t.Errorf("%d receipts, %v", len(gens), err)
	}
	newest, ok, err := s.Generation(t.Context(), mostGenerations+20)
	if err != nil || !ok || len(newest.Content) != 100_000 {
		t.Errorf("the newest receipt has %d bytes of content, %v", len(newest.Content), err)
	}
	if oldest, ok, _ := s.Generation(t.Context(), 21); !ok || oldest.Content != nil {
		t.Errorf("the oldest receipt: %v, %d bytes of content", ok, len(oldest.Content))
	}
	if list, _ := s.Events(t.Context(), EventQuery{}); len(list) != 1 || list[0].Seq != 2 {
		t.Errorf("events %+v", list)
	}
	if list, _ := s.Findings(t.Context(), time.Time{}, 0); len(list) != 1 || list[0].ID != "open" {
		t.Errorf("findings %+v", list)
	}
	fine, _ := s.Series(t.Context(), "x", now.Add(-3*time.Hour), now, TenSeconds)
	coarse, _ := s.Series(t.Context(), "x", now.Add(-3*time.Hour), now, Minute)
	if len(fine) != 1 || len(coarse) != 2 {
		t.Errorf("fine %v, coarse %v", fine, coarse)
	}
}
