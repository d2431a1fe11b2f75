package telemetry

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// inMemory holds that a store works in memory and says why.
func inMemory(t *testing.T, s *Store, kind Kind) {
	t.Helper()
	s.AddEvents(event(1, "kernel"))
	if err := s.Flush(t.Context()); err == nil {
		t.Error("Flush claims to have written")
	}
	if list, err := s.Events(t.Context(), EventQuery{}); err != nil || len(list) != 1 {
		t.Errorf("%d events, %v", len(list), err)
	}
	list := s.Trouble()
	if len(list) != 1 || list[0].Kind != kind || list[0].What == "" || list[0].Why == "" || list[0].Fix == "" || list[0].Since.IsZero() {
		t.Errorf("trouble %+v, want one of kind %s", list, kind)
	}
	if st := s.Stats(); !st.InMemory || st.Waiting != 1 {
		t.Errorf("stats %+v", st)
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, fileName), "", 0o666)
	write(t, filepath.Join(dir, "telemetry.db"), "of the predecessor", 0o644)
	s := open(t, dir, Options{Now: then})
	s.AddEvents(event(1, "kernel"))
	flush(t, s)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name())
		if want := os.FileMode(0o600); e.Name() != "telemetry.db" && info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
	}
	if got := strings.Join(names, " "); got != "anna.db anna.db-wal anna.lock telemetry.db" {
		t.Errorf("the directory holds %s", got)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %o", info.Mode().Perm())
	}
	if old, _ := os.ReadFile(filepath.Join(dir, "telemetry.db")); string(old) != "of the predecessor" {
		t.Errorf("telemetry.db now holds %q", old)
	}
}

// What could lead elsewhere, or block, is refused and left as it is.
func TestOddFilesAreRefused(t *testing.T) {
	for name, plant := range map[string]func(dir, target string) error{
		"link for the database": func(dir, target string) error { return os.Symlink(target, filepath.Join(dir, fileName)) },
		"link for the log":      func(dir, target string) error { return os.Symlink(target, filepath.Join(dir, fileName+"-wal")) },
		"fifo for the database": func(dir, _ string) error { return syscall.Mkfifo(filepath.Join(dir, fileName), 0o600) },
		"fifo for the lock":     func(dir, _ string) error { return syscall.Mkfifo(filepath.Join(dir, lockName), 0o600) },
		"folder for the log":    func(dir, _ string) error { return os.Mkdir(filepath.Join(dir, fileName+"-wal"), 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, target := t.TempDir(), filepath.Join(t.TempDir(), "precious")
			write(t, target, "precious", 0o644)
			if err := plant(dir, target); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, Options{Now: then})
			inMemory(t, s, Foreign)
			if got, _ := os.ReadFile(target); string(got) != "precious" {
				t.Errorf("the target now holds %q", got)
			}
			if info, _ := os.Stat(target); info.Mode().Perm() != 0o644 {
				t.Errorf("the target has mode %o", info.Mode().Perm())
			}
		})
	}
}

func TestLinkForTheLockIsRefused(t *testing.T) {
	dir, target := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	write(t, target, "precious", 0o600)
	if err := os.Symlink(target, filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{Now: then})
	inMemory(t, s, Failing)
	if got, _ := os.ReadFile(target); string(got) != "precious" {
		t.Errorf("the target now holds %q", got)
	}
}

func TestSetAsideKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	now := then()
	for i := range 6 {
		write(t, filepath.Join(dir, fileName), strings.Repeat("no database ", 100+i), 0o600)
		s := open(t, dir, Options{Now: func() time.Time { return now }})
		if st := s.Stats(); st.SetAside != 1 || st.InMemory {
			t.Fatalf("round %d: %+v, %+v", i, st, s.Trouble())
		}
		if list := s.Trouble(); len(list) != 1 || list[0].Kind != Damaged || !strings.Contains(list[0].Fix, ".damaged-2023") {
			t.Errorf("trouble %+v", list)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "anna.db.damaged-*"))
	if len(aside) != keepAside {
		t.Errorf("%d are kept: %v", len(aside), aside)
	}
}

// A directory that cannot even be looked at, as on a disk that fails, is an
// error, and nothing that is asked for ever.
func TestSetAsideWhereNothingCanBeSeen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "", 0o600)
	c := claim{dir: file} // a file's parts: ENOTDIR, not ENOENT
	done := make(chan error, 1)
	go func() {
		_, err := c.setAside(then())
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("it claims to have moved a database")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it looks for a free name for ever")
	}
}
