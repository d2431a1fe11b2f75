package storage

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// spoolMost is how many bytes wait in memory for a reader, before a file takes
// the rest.
const spoolMost = 256 << 10

// spoolChunk is how much is read back from the file at a time.
const spoolChunk = 64 << 10

// spoolGrace is how long an interrupted command waits for who reads it, so that
// they learn that it was.
const spoolGrace = time.Second

// A spool stands between somebody who must not be held up and a reader who may
// stall for as long as he likes, such as a pager. What the reader does not take
// waits in memory, and then in a temporary file that has no name, so that it is
// gone with the process. Without a file, for want of a place, writing waits.
//
// Write is for one goroutine.
type spool struct {
	w    io.Writer
	most int

	mu     sync.Mutex
	change sync.Cond
	mem    []byte
	file   *os.File // follows mem
	unread [2]int64 // from here to there of the file
	ended  bool
	done   bool
	err    error // of w, or of the file
}

func newSpool(w io.Writer, most int) *spool {
	s := &spool{w: w, most: most}
	s.change.L = &s.mu
	go s.drain()
	return s
}

// Write keeps b for the reader. An error is that of an earlier one's.
func (s *spool) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.change.Broadcast()
	for s.err == nil {
		filed := s.unread[0] < s.unread[1]
		if !filed && (len(s.mem) == 0 || len(s.mem)+len(b) <= s.most) {
			s.mem = append(s.mem, b...)
			return len(b), nil
		}
		if s.put(b) {
			return len(b), nil
		}
		s.change.Wait() // until the reader has taken something
	}
	return 0, s.err
}

// put writes to the end of the file; false if it cannot.
func (s *spool) put(b []byte) bool {
	if s.file == nil {
		f, err := os.CreateTemp("", "anna-diff-*")
		if err != nil {
			return false
		}
		if os.Remove(f.Name()) != nil {
			f.Close()
			return false
		}
		s.file = f
	}
	if _, err := s.file.WriteAt(b, s.unread[1]); err != nil {
		return false // a part of it may be there: it is written over
	}
	s.unread[1] += int64(len(b))
	return true
}

// drain hands on what waits, until the end.
func (s *spool) drain() {
	var spare []byte
	chunk := make([]byte, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		var b []byte
		switch {
		case len(s.mem) > 0:
			b, s.mem = s.mem, spare[:0]
			spare = b
		case s.unread[0] < s.unread[1]:
			if len(chunk) == 0 {
				chunk = make([]byte, spoolChunk)
			}
			b = chunk[:min(spoolChunk, s.unread[1]-s.unread[0])]
			if _, s.err = s.file.ReadAt(b, s.unread[0]); s.err != nil {
				continue
			}
			if s.unread[0] += int64(len(b)); s.unread[0] == s.unread[1] {
				s.unread = [2]int64{}
				s.err = s.file.Truncate(0) // or it would keep the disk full
			}
		case s.ended:
			s.done = true
			s.change.Broadcast()
			return
		default:
			s.change.Wait()
			continue
		}
		s.change.Broadcast()
		s.mu.Unlock()
		_, err := s.w.Write(b)
		s.mu.Lock()
		if s.err == nil {
			s.err = err
		}
	}
	s.done = true
	s.change.Broadcast()
}

// close waits until the reader has all of it. A context that ends, ends that: an
// interrupted command does not wait for who does not read.
func (s *spool) close(ctx context.Context) error {
	late := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.done && s.err == nil {
			s.err = context.Cause(ctx)
		}
		s.done = true
		s.change.Broadcast()
	}
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(spoolGrace, late) })
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.change.Broadcast()
	for !s.done {
		s.change.Wait()
	}
	if s.file != nil {
		s.file.Close() // nobody needs it who is still at work
	}
	return s.err
}
