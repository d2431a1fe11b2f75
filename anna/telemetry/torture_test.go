package telemetry

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func rounds(short, normal, long int) int {
	switch {
	case os.Getenv("ANNA_TEST_LONG") == "1":
		return long
	case testing.Short():
		return short
	}
	return normal
}

// A daemon that is killed at any moment keeps all that it saw committed, in
// one piece, and goes on after it.
func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	var total uint64
	for round := range rounds(3, 15, 100) {
		c := startChild(t, dir)
		time.Sleep(time.Duration(rnd.IntN(60_000)) * time.Microsecond)
		c.cmd.Process.Kill()
		total = max(total, c.last())

		s := open(t, dir, Options{Now: then})
		if st := s.Stats(); st.SetAside > 0 || st.InMemory {
			t.Fatalf("round %d: %+v, %+v", round, st, s.Trouble())
		}
		last, err := lastSeq(t.Context(), s)
		if err != nil || last < total {
			t.Fatalf("round %d: %d were committed, %d are there, %v", round, total, last, err)
		}
		list, err := s.Events(t.Context(), EventQuery{Limit: int(last) + 1})
		if err != nil || uint64(len(list)) != last {
			t.Fatalf("round %d: %d of %d events, %v", round, len(list), last, err)
		}
		for i, e := range list {
			if e.Seq != uint64(i+1) {
				t.Fatalf("round %d: event %d stands at %d", round, e.Seq, i)
			}
		}
		if err := quickCheck(t.Context(), s.db.w); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events outlived the kills", total)
}

// damagedStore returns the files of a store that was closed (or, dirty, killed).
func damagedStore(t *testing.T, dirty bool) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, Options{Now: then})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		s.AddEvents(event(uint64(i+1), "storage"))
		s.Observe(then().Add(time.Duration(i)*10*time.Second), Point{"load1", float64(i)}, Point{"load5", 1})
		if i%100 == 0 {
			flush(t, s)
		}
	}
	flush(t, s)
	files := map[string][]byte{}
	read := func() {
		for _, name := range []string{fileName, fileName + "-wal", lockName} {
			if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				files[name] = data
			}
		}
	}
	if dirty {
		read()
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !dirty {
		read()
	}
	return files
}

// Whatever happened to the files, Open gives a store that works: with the old
// history, or with that set aside and said.
func TestDamage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, uint64(time.Now().UnixNano())))
	harm := map[string]func([]byte) []byte{
		"cut off": func(b []byte) []byte { return b[:rnd.IntN(len(b))] },
		"a page of noise": func(b []byte) []byte {
			at := rnd.IntN(len(b))
			for i := at; i < min(at+4096, len(b)); i++ {
				b[i] = byte(rnd.Uint32())
			}
			return b
		},
		"single bytes": func(b []byte) []byte {
			for range 1 + rnd.IntN(200) {
				b[rnd.IntN(len(b))] ^= byte(1 + rnd.IntN(255))
			}
			return b
		},
		"zeros": func(b []byte) []byte { clear(b[rnd.IntN(len(b)):]); return b },
		"empty": func([]byte) []byte { return nil },
	}
	survived, aside := 0, 0
	for _, dirty := range []bool{false, true} {
		files := damagedStore(t, dirty)
		for name, hurt := range harm {
			for round := range rounds(2, 8, 100) {
				for _, victim := range []string{fileName, fileName + "-wal"} {
					if len(files[victim]) == 0 {
						continue
					}
					dir := t.TempDir()
					for file, data := range files {
						if file == victim {
							data = hurt(slices.Clone(data))
						}
						write(t, filepath.Join(dir, file), string(data), 0o600)
					}
					if useAfterDamage(t, dir) {
						aside++
					} else {
						survived++
					}
					if t.Failed() {
						t.Fatalf("%s of %s, dirty %v, round %d", name, victim, dirty, round)
					}
				}
			}
		}
	}
	t.Logf("%d went on with their history, %d had it set aside or left alone", survived, aside)
	if aside == 0 || survived == 0 {
		t.Error("the damage was not real")
	}
}

// Damage that only a reader meets, after a clean end, is found out as well.
func TestDamageMetByAReader(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{Now: then})
	for i := range 2000 {
		s.AddEvents(event(uint64(i+1), "storage"))
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 4; i < len(data)*3/4; i++ {
		data[i] = 0x5a
	}
	write(t, path, string(data), 0o600)
	s = open(t, dir, Options{Now: then})
	healthy(t, s) // nothing is known yet
	if _, err := s.Events(t.Context(), EventQuery{Limit: 5000}); err == nil {
		t.Fatal("the reader met no damage")
	}
	s.AddEvents(event(3000, "kernel"))
	flush(t, s)
	if list := s.Trouble(); len(list) != 1 || list[0].Kind != Damaged || s.Stats().InMemory {
		t.Errorf("trouble %+v", list)
	}
	if list, err := s.Events(t.Context(), EventQuery{}); err != nil || len(list) != 1 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

// A check that comes to no end is made again: the damage is still there.
func TestUnfinishedCheckIsMadeAgain(t *testing.T) {
	s := open(t, t.TempDir(), Options{Now: then})
	s.db.suspect.Store(true)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.db.recheck(over); err == nil {
		t.Fatal("a check without time found nothing wrong")
	}
	if !s.db.suspect.Load() {
		t.Error("the suspicion is forgotten")
	}
	if err := s.db.recheck(t.Context()); err != nil || s.db.suspect.Load() {
		t.Errorf("a sound database stays suspect: %v", err)
	}
}

// useAfterDamage opens, writes, reads, closes and opens again. It tells whether
// the old database was given up.
func useAfterDamage(t *testing.T, dir string) bool {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{Now: then})
	if err != nil {
		t.Error(err)
		return false
	}
	s.AddEvents(event(100_000, "kernel"))
	s.SaveFinding(Finding{ID: "after", Raised: then(), Level: "warning"})
	s.Observe(then().Add(-time.Hour), Point{"load1", 1}, Point{"new", 1})
	flushErr := s.Flush(ctx)
	_, _ = s.Events(ctx, EventQuery{})
	_, _ = s.Series(ctx, "load1", then().Add(-time.Hour), then().Add(time.Hour), Minute)
	st := s.Stats()
	if gaveUp := st.SetAside > 0 || st.InMemory; gaveUp && len(s.Trouble()) == 0 {
		t.Errorf("the history is gone and nobody says so: %+v", st)
	}
	if list, _ := s.Events(ctx, EventQuery{After: 99_999}); len(list) != 1 {
		t.Errorf("the new event is not there: %v", flushErr)
	}
	if flushErr != nil && !st.InMemory {
		t.Errorf("a database in use is not written: %v, %+v", flushErr, s.Trouble())
	}
	inMemory := st.InMemory
	if err := s.Close(ctx); err != nil && !inMemory {
		t.Error(err)
	}
	// The readers may have met damage that the last commit then found.
	aside := s.Stats().SetAside > 0
	if !inMemory {
		s, err := Open(ctx, dir, Options{Now: then})
		if err != nil {
			t.Error(err)
			return false
		}
		list, err := s.Events(ctx, EventQuery{After: 99_999})
		if s.Stats().SetAside == 0 && (st.SetAside > 0 || !aside) && (len(list) != 1 || err != nil) {
			t.Errorf("after a restart the new event is gone: %v, %+v", err, s.Trouble())
		}
		s.Close(ctx)
	}
	return aside || inMemory
}

// Any bytes at all may lie where the database and its log should.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("SQLite format 3\x00"), []byte{})
	f.Add([]byte{}, []byte{0x37, 0x7f, 0x06, 0x82})
	f.Add([]byte("no database"), []byte("no log"))
	dir := f.TempDir()
	if s, err := Open(context.Background(), dir, Options{Now: then}); err == nil {
		s.AddEvents(event(1, "kernel"))
		s.Close(context.Background())
		data, err := os.ReadFile(filepath.Join(dir, fileName))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte{})
	}
	f.Fuzz(func(t *testing.T, data, log []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, fileName), string(data), 0o600)
		write(t, filepath.Join(dir, fileName+"-wal"), string(log), 0o600)
		useAfterDamage(t, dir)
	})
}
