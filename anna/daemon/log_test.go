package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// logOf is what a log in journald's manner writes.
func logOf(level slog.Level, say func(*slog.Logger)) string {
	var b bytes.Buffer
	say(slog.New(&logHandler{out: &lineWriter{w: &b}, level: level, journal: true}))
	return b.String()
}

func TestIsJournal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	for stream, want := range map[string]bool{
		own: true, "": false, ":": false, "x": false, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false,
		fmt.Sprintf("%d:%d", st.Dev+1, st.Ino): false, own + "0": false, " " + own: false,
	} {
		if got := isJournal(f, stream); got != want {
			t.Errorf("isJournal(%q) = %v", stream, got)
		}
	}
	closed, err := os.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if isJournal(closed, own) {
		t.Error("a closed file is the journal")
	}

	// As NewLog sees it: priorities there, time and words elsewhere.
	t.Setenv("JOURNAL_STREAM", own)
	NewLog(f, slog.LevelDebug).Warn("there", "n", 1)
	t.Setenv("JOURNAL_STREAM", "1:1")
	NewLog(f, slog.LevelDebug).Warn("elsewhere", "n", 1)
	text, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := regexp.MustCompile(`^<4>there n=1\n\d\d:\d\d:\d\d WARN  elsewhere n=1\n$`); !want.Match(text) {
		t.Errorf("the log is %q", text)
	}
}

func TestLogPriorities(t *testing.T) {
	for level, want := range map[slog.Level]string{
		slog.LevelDebug - 4: "<7>", slog.LevelDebug: "<7>", slog.LevelInfo: "<6>", slog.LevelInfo + 1: "<6>",
		slog.LevelWarn: "<4>", slog.LevelError: "<3>", slog.LevelError + 8: "<3>",
	} {
		if got := logOf(-100, func(l *slog.Logger) { l.Log(t.Context(), level, "x") }); got != want+"x\n" {
			t.Errorf("%v: %q", level, got)
		}
	}
	quiet := logOf(slog.LevelWarn, func(l *slog.Logger) { l.Debug("d"); l.Info("i"); l.Warn("w"); l.Error("e") })
	if quiet != "<4>w\n<3>e\n" {
		t.Errorf("from warn on: %q", quiet)
	}
	var level slog.LevelVar
	var b bytes.Buffer
	l := NewLog(&b, &level)
	l.Debug("before")
	level.Set(slog.LevelDebug)
	l.Debug("after")
	if got := b.String(); strings.Contains(got, "before") || !strings.Contains(got, "debug after\n") {
		t.Errorf("the level does not follow: %q", got)
	}
}

type lazy struct{}

func (lazy) LogValue() slog.Value { return slog.GroupValue(slog.Int("a", 1), slog.String("b", "x y")) }

func TestLogAttrs(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  func(*slog.Logger)
		want string
	}{
		{"plain", func(l *slog.Logger) { l.Info("m", "k", "v", "n", 7) }, "m k=v n=7"},
		{"an error", func(l *slog.Logger) { l.Info("m", "error", errors.New("cannot a: b")) }, `m error="cannot a: b"`},
		{"a duration", func(l *slog.Logger) { l.Info("m", "took", 1500*time.Millisecond) }, "m took=1.5s"},
		{"nil", func(l *slog.Logger) { l.Info("m", "k", nil) }, "m k=<nil>"},
		{"empty", func(l *slog.Logger) { l.Info("m", "k", "") }, `m k=""`},
		{"quotes", func(l *slog.Logger) { l.Info("m", "k", `a"b\c=d`) }, `m k="a\"b\\c=d"`},
		{"lines", func(l *slog.Logger) { l.Info("m", "k", "a\nb") }, `m k="a\nb"`},
		{"controls", func(l *slog.Logger) { l.Info("m", "k", "\x1b[2J\xff") }, `m k="\x1b[2J\xff"`},
		{"a message of lines", func(l *slog.Logger) { l.Info("a\n<0>b") }, `a\n<0>b`},
		{"no value", func(l *slog.Logger) { l.Info("m", []any{"k"}...) }, "m !BADKEY=k"},
		{"no key", func(l *slog.Logger) { l.Info("m", slog.Attr{}) }, "m"},
		{"with", func(l *slog.Logger) { l.With("a", 1).With("b", 2).Info("m", "c", 3) }, "m a=1 b=2 c=3"},
		{"groups", func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").Info("m", "c", 3) }, "m a=1 g.b=2 g.h.c=3"},
		{"a group", func(l *slog.Logger) { l.Info("m", slog.Group("g", "a", 1, slog.Group("h", "b", 2))) }, "m g.a=1 g.h.b=2"},
		{"a group without a name", func(l *slog.Logger) { l.Info("m", slog.Group("", "a", 1)) }, "m a=1"},
		{"an empty group", func(l *slog.Logger) { l.Info("m", slog.Group("g")) }, "m"},
		{"a value made when needed", func(l *slog.Logger) { l.Info("m", "k", lazy{}) }, `m k.a=1 k.b="x y"`},
	} {
		if got := logOf(slog.LevelInfo, tt.say); got != "<6>"+tt.want+"\n" {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLogIsBranched holds that what a logger is given stays its own.
func TestLogIsBranched(t *testing.T) {
	got := logOf(slog.LevelInfo, func(l *slog.Logger) {
		a := l.With("a", 1)
		a.With("b", 2).Info("x")
		a.With("c", 3).Info("y")
		l.Info("z")
	})
	if want := "<6>x a=1 b=2\n<6>y a=1 c=3\n<6>z\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestLogLines holds that a record is one line, also when many write at once.
func TestLogLines(t *testing.T) {
	const writers, records = 8, 200
	var b bytes.Buffer
	h := &logHandler{out: &lineWriter{w: &b}, level: slog.LevelInfo, journal: true}
	var wg sync.WaitGroup
	for i := range writers {
		l := slog.New(h).With("writer", i)
		wg.Go(func() {
			for n := range records {
				l.Info("a\nmessage", "n", n, "text", "b\nc")
			}
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	whole := regexp.MustCompile(`^<6>a\\nmessage writer=\d n=\d+ text="b\\nc"$`)
	for _, line := range lines {
		if !whole.MatchString(line) {
			t.Fatalf("a torn line: %q", line)
		}
	}
	if len(lines) != writers*records {
		t.Errorf("%d lines of %d records", len(lines), writers*records)
	}
}

// FuzzLog holds that no text leaves the line that it belongs to.
func FuzzLog(f *testing.F) {
	f.Add("message", "key", "value")
	f.Add("a\nb", "k\n<0>k", "v\nw")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, message, key, value string) {
		var b bytes.Buffer
		h := &logHandler{out: &lineWriter{w: &b}, level: slog.LevelInfo, journal: true}
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, message, 0)
		r.Add(slog.String(key, value))
		if err := h.Handle(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		if strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") || !strings.HasPrefix(got, "<6>") {
			t.Fatalf("%q", got)
		}
	})
}
