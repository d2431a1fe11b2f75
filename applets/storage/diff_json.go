package storage

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// printJSON prints a value as the console does, to another writer.
func printJSON(c *console.Console, w io.Writer, v any) error {
	out := c.Out
	c.Out = w
	defer func() { c.Out = out }()
	return c.PrintJSON(v)
}

// A streamSink prints one change a line and the report last.
type streamSink struct {
	c   *console.Console
	out *bufio.Writer
}

func (s *streamSink) add(c *diff.Change) error { return printJSON(s.c, s.out, diffChangeOf(c)) }

func (s *streamSink) end(r DiffReport, _ int) error { return printJSON(s.c, s.out, r) }

// An objectSink prints one object. The changes stand first in it, so that none
// has to be kept.
type objectSink struct {
	c      *console.Console
	out    *bufio.Writer
	hold   bool // until the end, to sort them or to look again
	bySize bool
	held   heldChanges
	begun  bool
}

func (s *objectSink) add(c *diff.Change) error {
	if s.hold {
		s.held.bySize = s.bySize
		return s.held.add(c)
	}
	return s.print(c)
}

func (s *objectSink) print(c *diff.Change) error {
	lead := ","
	if !s.begun {
		lead, s.begun = `{"changes":[`, true
	}
	s.out.WriteString(lead)
	return printJSON(s.c, lineless{s.out}, diffChangeOf(c))
}

func (s *objectSink) end(r DiffReport, _ int) error {
	defer s.held.close()
	if err := s.held.each(s.print); err != nil {
		return err
	}
	return s.close(r)
}

// close prints what follows the changes: the fields of v.
func (s *objectSink) close(v any) error {
	if !s.begun {
		s.out.WriteString(`{"changes":[`)
	}
	s.out.WriteString("],")
	return printJSON(s.c, &headless{w: s.out}, v)
}

// diffFailure is what ends an object that had begun when the comparison failed.
type diffFailure struct {
	DiffReport
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Exit    int    `json:"exit"`
	} `json:"error"`
}

// broken ends the object, so that whoever parses it learns that it is a part.
func (s *objectSink) broken(r *diff.Report, p *diffPair, cause error) error {
	var f diffFailure
	if r != nil {
		f.DiffReport = diffReportOf(r, p.subs)
	}
	f.Complete = false
	f.Error.Code, f.Error.Message, f.Error.Exit = "Failed", cause.Error(), console.ExitFailed
	var e *rpc.Error
	if cause := denied(s.c, cause); errors.As(cause, &e) {
		f.Error.Code, f.Error.Message, f.Error.Exit = string(e.Code), e.Error(), e.Exit()
	}
	if errors.Is(cause, context.Canceled) {
		f.Error.Message, f.Error.Exit = "interrupted", console.ExitInterrupted
	}
	if err := errors.Join(s.close(f), s.out.Flush()); err != nil {
		return err
	}
	return console.Status(f.Error.Exit)
}

// lineless leaves out the line end of what is written to it in one piece.
type lineless struct{ w io.Writer }

func (l lineless) Write(b []byte) (int, error) {
	n := len(b)
	if n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	_, err := l.w.Write(b)
	return n, err
}

// headless leaves out the brace that begins an object, to go on with another.
type headless struct {
	w    io.Writer
	done bool
}

func (h *headless) Write(b []byte) (int, error) {
	n := len(b)
	if !h.done && n > 0 {
		h.done, b = true, b[1:]
	}
	_, err := h.w.Write(b)
	return n, err
}
