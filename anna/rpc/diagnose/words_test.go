package diagnose

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func number(f float64) *float64 { return &f }

func TestWords(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "annad.sock")
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	want := Words{
		Version: "1", PID: 7, StartTime: 9, Started: time.Unix(1, 0).UTC(), At: time.Unix(2, 0).UTC(),
		State: "stopping", Reason: "SIGTERM", Level: "warning", Findings: []string{"a.b"}, MemoryMB: number(1.5), LimitMB: number(80),
	}
	for range 2 { // the second replaces the first
		if err := WriteWords(socket, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadWords(socket)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(wordsPath(socket))
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(socket)); len(files) != 1 {
		t.Errorf("it left %v", files)
	}
}

// TestWordsAreWholeAtAnyTime reads while they are written.
func TestWordsAreWholeAtAnyTime(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	if err := WriteWords(socket, Words{State: "running"}); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := WriteWords(socket, Words{State: "running", Findings: make([]string, i%300)}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2000 {
		if _, err := ReadWords(socket); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	wg.Wait()
}

func TestWordsAreBounded(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	w := Words{Reason: strings.Repeat("r", 9000)}
	for range 1000 {
		w.Findings = append(w.Findings, "a.finding.with.a.name")
	}
	if err := WriteWords(socket, w); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(wordsPath(socket)); err != nil || info.Size() > maxWords+1 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	if err := WriteWords(socket, Words{Version: strings.Repeat("v", 9000)}); err == nil {
		t.Error("a text that does not fit was written")
	}
	if err := WriteWords(filepath.Join(t.TempDir(), "no", "s"), Words{}); err == nil {
		t.Error("it wrote into a directory that is not there")
	}
}

func TestHostileWords(t *testing.T) {
	plant := map[string]func(path string) error{
		"nothing":      func(string) error { return nil },
		"a link":       func(p string) error { return os.Symlink("/etc/passwd", p) },
		"a FIFO":       func(p string) error { return unix.Mkfifo(p, 0o666) },
		"a directory":  func(p string) error { return os.Mkdir(p, 0o777) },
		"empty":        func(p string) error { return os.WriteFile(p, nil, 0o666) },
		"not JSON":     func(p string) error { return os.WriteFile(p, []byte("hello"), 0o666) },
		"another type": func(p string) error { return os.WriteFile(p, []byte(`{"pid":"x"}`), 0o666) },
		"too long":     func(p string) error { return os.WriteFile(p, []byte(`{}`+strings.Repeat(" ", 5000)), 0o666) },
		"endless":      func(p string) error { return os.Symlink("/dev/zero", p) },
	}
	for name, make := range plant {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "s")
			if err := make(wordsPath(socket)); err != nil {
				t.Fatal(err)
			}
			if w, err := ReadWords(socket); err == nil || w != nil || !strings.HasPrefix(err.Error(), "cannot read the last words: ") {
				t.Errorf("%+v, %v", w, err)
			}
		})
	}
	// What lies in the way of writing is replaced, never followed.
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	for _, at := range []string{wordsPath(socket), wordsPath(socket) + ".new"} {
		if err := os.Symlink(target, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteWords(socket, Words{State: "running"}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(target); string(text) != "precious" {
		t.Errorf("it wrote through a link: %s", text)
	}
}

func FuzzWords(f *testing.F) {
	f.Add([]byte(`{"pid":1,"at":"2020-01-02T03:04:05Z","state":"\u001b[2Jx","findings":["a",null,"\u202e"],"memory_mb":1e300,"limit_mb":-1}`))
	f.Add([]byte(`{"pid":-1,"start_time":18446744073709551615}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := parseWords(text)
		if err != nil {
			return
		}
		for _, pid := range []int{0, w.PID, w.PID + 1} {
			story := w.story(time.Unix(1e9, 0), pid)
			if len(story) > 8000 || bytes.ContainsFunc([]byte(story), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", story)
			}
		}
		findProcess("/proc", SystemSocket, State{Words: w})
	})
}

func TestStartTime(t *testing.T) {
	proc := t.TempDir()
	stat := func(pid, text string) {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"stat": text, "comm": "annad\n"} {
			if err := os.WriteFile(filepath.Join(proc, pid, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	rest := " 1 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 9 0 "
	for _, test := range []struct {
		name, stat string
		want       uint64
		ok         bool
	}{
		{"plain", "7 (annad) S" + rest + "4711 1 1", 4711, true},
		{"odd name", "7 (a) S 1 ) (b) S" + rest + "4711 1 1", 4711, true},
		{"zombie", "7 (annad) Z" + rest + "4711 1 1", 0, false},
		{"short", "7 (annad) S 1 1", 0, false},
		{"no name", "7 annad S" + rest + "4711", 0, false},
		{"no number", "7 (annad) S" + rest + "x 1", 0, false},
		{"empty", "", 0, false},
		{"only a bracket", ")", 0, false},
	} {
		stat("7", test.stat)
		if got, ok := StartTime(proc, 7); got != test.want || ok != test.ok {
			t.Errorf("%s: %d, %v", test.name, got, ok)
		}
	}
	if _, ok := findDaemon(proc); ok {
		t.Error("a process without a start time was found")
	}
	stat("8", "8 (annad) S"+rest+"5")
	if pid, ok := findDaemon(proc); !ok || pid != 8 {
		t.Errorf("found %d, %v", pid, ok)
	}
	if _, ok := StartTime("/proc", syscall.Getpid()); !ok {
		t.Error("this very process was not found")
	}
	if _, ok := StartTime("/proc", -1); ok {
		t.Error("process -1 was found")
	}
}
