package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// NewLog makes the daemon's log: lines on stderr, as journald likes them (the
// level as a priority in front, no time, for the journal has its own;
// sd-daemon(3)) where stderr is the journal, and as people do elsewhere.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	journal := false
	if f, ok := w.(*os.File); ok {
		journal = isJournal(f, os.Getenv("JOURNAL_STREAM"))
	}
	return slog.New(&logHandler{out: &lineWriter{w: w}, level: level, journal: journal})
}

// isJournal reports whether the file is the stream that systemd connected to
// the journal (systemd.exec(5), JOURNAL_STREAM=dev:inode).
func isJournal(f *os.File, stream string) bool {
	var st unix.Stat_t
	if stream == "" || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// lineWriter keeps lines of several goroutines whole.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) write(line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.w, line)
	return err
}

type logHandler struct {
	out     *lineWriter
	level   slog.Leveler
	journal bool
	attrs   string // already written
	group   string
}

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if h.journal {
		b.WriteString(priority(r.Level))
	} else {
		b.WriteString(r.Time.Format(time.TimeOnly) + " " + levelWord(r.Level) + " ")
	}
	b.WriteString(ui.Plain(r.Message)) // one record, one line, no controls
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		h.attr(&b, h.group, a)
		return true
	})
	return h.out.write(b.String() + "\n")
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		h.attr(&b, h.group, a)
	}
	c := *h
	c.attrs += b.String()
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}

func (h *logHandler) attr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, member := range v.Group() {
			h.attr(b, group, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	text := v.String()
	if text == "" || strings.ContainsAny(text, " =\"\\") || strconv.Quote(text) != `"`+text+`"` {
		text = strconv.Quote(text)
	}
	b.WriteString(" " + ui.Plain(group+a.Key) + "=" + text)
}

// priority is a syslog priority as systemd reads it at a line's beginning.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

func levelWord(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARN "
	case l >= slog.LevelInfo:
		return "info "
	}
	return "debug"
}
