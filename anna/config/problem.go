package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity says whether a problem keeps the configuration from being used.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing that is wrong, with its place. It crosses the socket
// and is drawn by whoever shows it.
type Problem struct {
	Severity   Severity `json:"severity"`
	File       string   `json:"file,omitempty"`
	Line       int      `json:"line,omitempty"`   // from 1; 0 when the file itself is the problem
	Column     int      `json:"column,omitempty"` // from 1, in characters
	Key        string   `json:"key,omitempty"`
	Message    string   `json:"message"`
	Allowed    string   `json:"allowed,omitempty"`
	Suggestion string   `json:"suggestion,omitempty"` // what to write instead, as TOML
	Hint       string   `json:"hint,omitempty"`       // what to do, where it is not a change of the line
	Text       string   `json:"text,omitempty"`       // the line, or the part of a long line around the caret
	Caret      int      `json:"caret,omitempty"`      // the character of Text that Column points at, from 0
}

// Error is the first line of the problem: where and what.
func (p Problem) Error() string { return p.place() + p.Message }

func (p Problem) place() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File + ": "
	default:
		return fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	}
}

// Report is the outcome of reading a configuration: every problem at once.
type Report struct {
	Problems []Problem `json:"problems"`
	Omitted  int       `json:"omitted,omitempty"` // problems beyond those listed
	Path     string    `json:"path"`
	Missing  bool      `json:"missing,omitempty"` // there is no such file: the defaults hold
	Digest   string    `json:"digest,omitempty"`  // SHA-256 over all that was read, in hex
}

// OK says that the configuration can be used; there may be warnings.
func (r Report) OK() bool {
	return !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Severity == Error })
}

// Errors lists what keeps the configuration from being used.
func (r Report) Errors() []Problem { return r.only(Error) }

// Warnings lists what should be mended but keeps nothing from working.
func (r Report) Warnings() []Problem { return r.only(Warning) }

func (r Report) only(s Severity) []Problem {
	var list []Problem
	for _, p := range r.Problems {
		if p.Severity == s {
			list = append(list, p)
		}
	}
	return list
}

// Err is nil when the configuration can be used, else an *InvalidError.
func (r Report) Err() error {
	if r.OK() {
		return nil
	}
	return &InvalidError{Report: r}
}

// InvalidError is a configuration that cannot be used, as an error.
type InvalidError struct{ Report Report }

// Error is one line; the report has the rest.
func (e *InvalidError) Error() string {
	errs := e.Report.Errors()
	s := "cannot use the configuration: " + clean(errs[0].Error(), maxWord)
	if n := len(errs) - 1 + e.Report.Omitted; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// maxProblems bounds what one report lists; a person mends a few at a time.
const maxProblems = 100

// listed puts problems in order, those of the first file before those of the
// others, and bounds their number: errors are the last to go. omitted is how
// many went.
func listed(list []Problem, first string) (kept []Problem, omitted int) {
	rank := func(p Problem) string {
		if p.File == first {
			return ""
		}
		return p.File
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	omitted = len(list) - maxProblems
	if omitted <= 0 {
		return list, 0
	}
	room := map[Severity]int{Error: maxProblems}
	for _, p := range list {
		if p.Severity == Error {
			room[Warning]--
		}
	}
	room[Warning] = max(0, maxProblems+room[Warning])
	kept = make([]Problem, 0, maxProblems)
	for _, p := range list {
		if room[p.Severity] > 0 {
			room[p.Severity]--
			kept = append(kept, p)
		}
	}
	return kept, omitted
}

// locate fills in where an offset is: line, column in characters, and the line
// itself or the part of it around the place.
func (p *Problem) locate(data []byte, at int) {
	at = min(max(at, 0), len(data))
	for at > 0 && at < len(data) && !utf8.RuneStart(data[at]) {
		at-- // parsers count bytes and may point into a character
	}
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	end := len(data)
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		end = at + i
	}
	line := bytes.TrimSuffix(data[start:end], []byte("\r"))
	before := line[:min(at-start, len(line))]
	p.Line = bytes.Count(data[:start], []byte("\n")) + 1
	p.Column = utf8.RuneCount(before) + 1
	p.Text, p.Caret = window(before, line[len(before):])
}

// The part of a long line that is kept: enough to recognise the place, short
// enough for a terminal.
const (
	windowBefore = 50
	windowAfter  = 60
)

// window cuts a line to what stands around the caret, marking cuts with "…".
func window(before, after []byte) (text string, caret int) {
	head, cutHead := lastRunes(before, windowBefore)
	tail, cutTail := firstRunes(after, windowAfter)
	caret = utf8.RuneCount(head)
	var b strings.Builder
	if cutHead {
		b.WriteRune('…')
		caret++
	}
	b.WriteString(strings.ToValidUTF8(string(head)+string(tail), "\uFFFD"))
	if cutTail {
		b.WriteRune('…')
	}
	return b.String(), caret
}

func lastRunes(b []byte, n int) ([]byte, bool) {
	i := len(b)
	for ; n > 0 && i > 0; n-- {
		_, size := utf8.DecodeLastRune(b[:i])
		i -= size
	}
	return b[i:], i > 0
}

func firstRunes(b []byte, n int) ([]byte, bool) {
	i := 0
	for ; n > 0 && i < len(b); n-- {
		_, size := utf8.DecodeRune(b[i:])
		i += size
	}
	return b[:i], i < len(b)
}
