package rpc

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// Why a line is refused, with an answer, before the connection is closed: what
// follows it cannot be told from its rest.
var (
	errLineTooLong = errors.New("line too long")
	errLineTooSlow = errors.New("line too slow")
	errNoRoom      = errors.New("no room for the line")
)

// readLine reads up to a newline. What it holds of the budget for lines is the
// caller's to give back, also with an error.
func (c *conn) readLine(r *bufio.Reader) (line []byte, held int, err error) {
	if err := c.await(r); err != nil {
		return nil, 0, err
	}
	c.readBy(c.s.Limits.LineTime)
	for {
		part, err := r.ReadSlice('\n')
		size := len(line) + len(part)
		if size > c.s.Limits.Line {
			return nil, held, errLineTooLong
		}
		if size > cap(line) {
			grown := min(max(2*cap(line), size), c.s.Limits.Line)
			if grown > c.s.Limits.freeLineBytes {
				if !c.s.lines.try(c.peer, grown-held) {
					return nil, held, errNoRoom
				}
				held = grown
			}
			line = append(make([]byte, 0, grown), line...)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, held, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, held, nil // the last line may lack its newline
		case errors.Is(err, os.ErrDeadlineExceeded) && !c.drained():
			return nil, held, errLineTooSlow
		default:
			return nil, held, err
		}
	}
}

// await blocks until a line begins. Silence is fine while requests are being
// worked on; otherwise it ends after Limits.Idle.
func (c *conn) await(r *bufio.Reader) error {
	for {
		if r.Buffered() > 0 {
			return nil
		}
		c.readBy(c.s.Limits.Idle)
		_, err := r.Peek(1)
		if errors.Is(err, os.ErrDeadlineExceeded) && !c.drained() && len(c.slots) > 0 {
			continue
		}
		return err
	}
}

// farewell tells the client why its line ended the connection. It gets there
// although the rest of the line stays unread: of a Unix socket that closes, the
// kernel delivers what was written before it reports the reset.
func (c *conn) farewell(err error) {
	l := c.s.Limits
	switch {
	case errors.Is(err, errLineTooLong):
		c.write(encodeError(nil, Errorf(ParseError, "cannot read the request: its line is longer than %d bytes", l.Line)))
	case errors.Is(err, errLineTooSlow):
		c.write(encodeError(nil, Errorf(ParseError, "cannot read the request: its line did not end within %s", l.LineTime)))
	case errors.Is(err, errNoRoom):
		c.write(encodeError(nil, Errorf(Busy, "cannot read the request: too many long requests are being read")))
	}
}
