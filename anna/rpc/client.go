package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// The client's own time limits (DESIGN: connect, attempt; the command's whole
// time is the deadline of the context that Call gets).
const (
	ConnectTime = 2 * time.Second
	AttemptTime = 5 * time.Second
	CommandTime = 10 * time.Second
)

// maxAnswer bounds one line of an answer: twice what the daemon sends.
const maxAnswer = 16 << 20

// A Client calls the daemon behind a socket. It is the only one there is: no
// command carries its own. It keeps no connection between calls, and may be
// used by several goroutines.
type Client struct {
	Socket string
	// Spec finds what is known of a method: its kind decides how long an
	// answer may take, its idempotence whether a request is repeated.
	Spec func(method string) (Spec, bool)
	// Notice gets a line for people when the client waits or tries again, and
	// how that ended. Nil: nothing is said.
	Notice func(line string)
	// Look asks systemd and /proc about the daemon. Nil: the real ones.
	Look func(context.Context) diagnose.State
	// Dial connects. Nil: to Socket.
	Dial func(context.Context) (net.Conn, error)

	ids atomic.Int64
}

// Call calls a method and decodes the result into the value that result points
// to (nil: it is dropped). It tries again by itself where the code's retry rule
// allows, within the deadline of ctx. What it returns is an *Error, or the
// error of ctx when the caller cancelled it.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	return c.CallProgress(ctx, method, params, result, nil)
}

// CallOnce is Call without a second try.
func (c *Client) CallOnce(ctx context.Context, method string, params, result any) error {
	spec, _ := c.spec(method)
	raw, err := c.attempt(ctx, spec, params, nil, &tries{})
	if err != nil {
		return err
	}
	return decodeResult(method, raw, result)
}

func decodeResult(method string, raw json.RawMessage, result any) error {
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return Errorf(InvalidResponse, "cannot read the answer to %s: %w", method, err)
	}
	return nil
}

// CallProgress is Call for a long method: progress gets each item that the
// daemon sends before the result.
func (c *Client) CallProgress(ctx context.Context, method string, params, result any, progress func(json.RawMessage)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, CommandTime)
		defer cancel()
	}
	spec, known := c.spec(method)
	tries := &tries{client: c, spec: spec, known: known}
	for {
		raw, err := c.attempt(ctx, spec, params, progress, tries)
		if err == nil {
			tries.succeeded()
			return decodeResult(method, raw, result)
		}
		if again := tries.again(ctx, err); again != nil {
			return again
		}
	}
}

// Follow calls a stream method and hands each item to the function, until ctx
// ends, the stream ends, or the function fails. It does not try again: only
// the caller knows where to go on.
func (c *Client) Follow(ctx context.Context, method string, params any, each func(json.RawMessage) error) error {
	spec, _ := c.spec(method)
	nc, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	id := c.ids.Add(1)
	if err := c.send(nc, id, spec.Name, params); err != nil {
		return classifyIO(ctx, spec.Name, err)
	}
	r := bufio.NewReader(nc)
	for {
		answer, err := c.receive(r, id, spec.Name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return classifyIO(ctx, spec.Name, err)
		case answer.item == nil:
			return answer.err()
		}
		if err := each(answer.item); err != nil {
			return err
		}
	}
}

func (c *Client) spec(method string) (Spec, bool) {
	if c.Spec != nil {
		if spec, ok := c.Spec(method); ok {
			return spec, true
		}
	}
	return Spec{Name: method, Kind: Quick}, false
}

// attempt is one connection with one request.
func (c *Client) attempt(ctx context.Context, spec Spec, params any, progress func(json.RawMessage), t *tries) (json.RawMessage, error) {
	t.written = false
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	limit := func() {
		deadline, bounded := ctx.Deadline()
		if d := time.Now().Add(AttemptTime); spec.Kind == Quick && (!bounded || d.Before(deadline)) {
			deadline = d
		}
		nc.SetDeadline(deadline)
	}
	limit()
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	id := c.ids.Add(1)
	sendErr := c.send(nc, id, spec.Name, params)
	t.written = sendErr == nil
	r := bufio.NewReader(nc)
	for {
		// Also after a failed write: a daemon that refuses a connection says
		// why before it closes it.
		answer, err := c.receive(r, id, spec.Name)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, ctx.Err()
		case err != nil && sendErr != nil:
			return nil, classifyIO(ctx, spec.Name, sendErr)
		case err != nil:
			return nil, classifyIO(ctx, spec.Name, err)
		case answer.item == nil:
			return answer.Result, answer.err()
		}
		limit()
		if progress != nil {
			progress(answer.item)
		}
	}
}

func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTime)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.Socket)
		}
	}
	nc, err := dial(ctx)
	if err != nil {
		return nil, classifyDial(ctx, c.Socket, err)
	}
	return nc, nil
}

func (c *Client) send(nc net.Conn, id int64, method string, params any) error {
	line, err := json.Marshal(struct {
		JSONRPC string `json:"jsonrpc"`
		ID      int64  `json:"id"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{"2.0", id, method, params})
	if err != nil {
		return fmt.Errorf("cannot encode the parameters: %w", err)
	}
	_, err = nc.Write(append(line, '\n'))
	return err
}

// reply is a line from the daemon: an item of a stream, or the response.
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

// receive reads one line that belongs to the request.
func (c *Client) receive(r *bufio.Reader, id int64, method string) (*reply, error) {
	line, err := readAnswer(r)
	if err != nil {
		return nil, err
	}
	wrong := func(format string, args ...any) error {
		return Errorf(InvalidResponse, "cannot read the answer to %s: %w", method, fmt.Errorf(format, args...))
	}
	var a reply
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, wrong("it is not JSON-RPC: %q", clip(string(line)))
	}
	want := fmt.Sprint(id)
	switch {
	case a.JSONRPC != "2.0":
		return nil, wrong("it is not JSON-RPC 2.0: %q", clip(string(line)))
	case a.Method != "" && a.Params != nil && string(a.Params.ID) == want:
		if a.item = a.Params.Item; a.item == nil {
			return nil, wrong("an item is missing")
		}
		return &a, nil
	case a.Error != nil && (len(a.ID) == 0 || string(a.ID) == "null"):
		return &a, nil // about the connection, not about one request
	case string(a.ID) != want:
		return nil, wrong("its id is %s, not %s", clip(string(a.ID)), want)
	case a.Error == nil && a.Result == nil:
		return nil, wrong("it has neither a result nor an error")
	}
	return &a, nil
}

// readAnswer reads a line of bounded length.
func readAnswer(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
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
	return Errorf(Internal, "cannot call %s: %w", method, err)
}
