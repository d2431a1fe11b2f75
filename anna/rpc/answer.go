package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// maxAnswer bounds one line of an answer: twice what the daemon sends.
const maxAnswer = 16 << 20

// A reply is a line from the daemon: an item of a stream, or the response.
type reply struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   *wireError      `json:"error"`
	Method  string          `json:"method"`
	Params  *struct {
		ID   json.RawMessage `json:"id"`
		Item json.RawMessage `json:"item"`
	} `json:"params"`

	item json.RawMessage
}

func (r *reply) err() error {
	if r.Error != nil {
		return fromWire(r.Error)
	}
	return nil
}

// answers reads what comes back for one request. Whoever listens on the socket
// may have written it.
type answers struct {
	r      *bufio.Reader
	method string
	id     string
}

func newAnswers(r io.Reader, req request) *answers {
	return &answers{bufio.NewReader(r), req.spec.Name, strconv.FormatInt(req.id, 10)}
}

// next reads one line that belongs to the request.
func (a *answers) next() (*reply, error) {
	line, err := readAnswer(a.r)
	if err != nil {
		return nil, err
	}
	return a.parse(line)
}

func (a *answers) parse(line []byte) (*reply, error) {
	wrong := func(format string, args ...any) (*reply, error) {
		return nil, Errorf(InvalidResponse, "cannot read the answer to %s: %w", a.method, fmt.Errorf(format, args...))
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return wrong("it is not JSON-RPC: %q", clip(string(line)))
	}
	switch {
	case r.JSONRPC != "2.0":
		return wrong("it is not JSON-RPC 2.0: %q", clip(string(line)))
	case r.Error != nil && r.Result != nil:
		return wrong("it has both a result and an error")
	case r.Method != "" && r.Params != nil && string(r.Params.ID) == a.id:
		if r.item = r.Params.Item; r.item == nil {
			return wrong("an item is missing")
		}
		return &r, nil
	case r.Error != nil && (len(r.ID) == 0 || string(r.ID) == "null"):
		return &r, nil // about the connection, not about one request
	case string(r.ID) != a.id:
		return wrong("its id is %q, not %s", clip(string(r.ID)), a.id)
	case r.Error == nil && r.Result == nil:
		return wrong("it has neither a result nor an error")
	}
	return &r, nil
}

// readAnswer reads a line of bounded length.
func readAnswer(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice(newline)
		if len(line)+len(part) > maxAnswer {
			return nil, Errorf(InvalidResponse, "cannot read the answer: it is longer than %d MiB", maxAnswer>>20)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return bytes.TrimSpace(line), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// classifyIO says what a failure after connecting means.
func classifyIO(ctx context.Context, method string, err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Errorf(ReadTimeout, "cannot get an answer to %s: the daemon accepted the connection and stays silent", method)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(ConnectionReset, "cannot get an answer to %s: the connection closed in the middle of it", method)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		return Errorf(ConnectionReset, "cannot get an answer to %s: the connection closed before one", method)
	}
	return Errorf(Internal, "cannot call %s: %w", method, err).WithHint(clientDefect)
}

// clientDefect is the hint of what no part of the client expected.
const clientDefect = "This is a defect of the client or of this machine: report it with the message"
