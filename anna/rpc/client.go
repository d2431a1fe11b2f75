package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// The client's own time limits: of one connect(2), and of a quick method's answer
// once connected.
const (
	connectTime = 2 * time.Second
	attemptTime = 5 * time.Second
)

// CommandTime is how long all attempts of a call may take together, where its
// context has no deadline.
const CommandTime = 10 * time.Second

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
// allows, within the deadline of ctx, or CommandTime where it has none. What it
// returns is an *Error, or the error of ctx when the caller cancelled it.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, CommandTime)
		defer cancel()
	}
	raw, err := c.persist(ctx, method, params, nil)
	if err != nil {
		return err
	}
	return decodeResult(method, raw, result)
}

// CallOnce is Call without a second try and without a diagnosis.
func (c *Client) CallOnce(ctx context.Context, method string, params, result any) error {
	return c.CallEach(ctx, method, params, result, nil)
}

// CallEach is CallOnce for a method with items: the function gets each, before
// the result, and ends the call when it fails.
func (c *Client) CallEach(ctx context.Context, method string, params, result any, each func(json.RawMessage) error) error {
	spec := c.spec(method)
	request, err := c.request(spec, params)
	if err != nil {
		return err
	}
	raw, err := c.attempt(ctx, request, each, &tries{})
	if err != nil {
		return err
	}
	return decodeResult(method, raw, result)
}

// Follow calls a stream method and hands each item to the function, until ctx
// ends, the stream ends, or the function fails. It tries again as Call does
// until the first item is there; after that only the caller knows where to go
// on.
func (c *Client) Follow(ctx context.Context, method string, params any, each func(json.RawMessage) error) error {
	_, err := c.persist(ctx, method, params, each)
	return err
}

// persist makes attempts until one succeeds or the retry rules end it. each gets
// the items; nil: they are dropped.
func (c *Client) persist(ctx context.Context, method string, params any, each func(json.RawMessage) error) (json.RawMessage, error) {
	spec := c.spec(method)
	request, err := c.request(spec, params)
	if err != nil {
		return nil, err
	}
	tries := &tries{client: c, spec: spec}
	began := false
	first := func(item json.RawMessage) error {
		if !began {
			began = true
			tries.succeeded()
		}
		if each == nil {
			return nil
		}
		return each(item)
	}
	for {
		raw, err := c.attempt(ctx, request, first, tries)
		switch {
		case err == nil:
			if !began {
				tries.succeeded()
			}
			return raw, nil
		case spec.Kind == Stream && began && ctx.Err() != nil:
			return nil, ctx.Err()
		case spec.Kind == Stream && began:
			return nil, err
		}
		if again := tries.again(ctx, err); again != nil {
			return nil, again
		}
	}
}

// spec is what is known of a method. One that nobody knows is quick, and not
// repeated.
func (c *Client) spec(method string) Spec {
	if c.Spec != nil {
		if spec, ok := c.Spec(method); ok {
			return spec
		}
	}
	return Spec{Name: method, Kind: Quick}
}

// A request is what one call writes, however often it is tried.
type request struct {
	spec Spec
	id   int64
	line []byte
}

func (c *Client) request(spec Spec, params any) (request, error) {
	r := request{spec: spec, id: c.ids.Add(1)}
	line, err := json.Marshal(struct {
		JSONRPC string `json:"jsonrpc"`
		ID      int64  `json:"id"`
		Method  string `json:"method"`
		Params  any    `json:"params,omitempty"`
	}{"2.0", r.id, spec.Name, params})
	if err != nil {
		return r, Errorf(InvalidParams, "cannot encode the parameters of %s: %w", spec.Name, err)
	}
	r.line = append(line, newline)
	return r, nil
}

// attempt is one connection with one request. The error of each ends it.
func (c *Client) attempt(ctx context.Context, req request, each func(json.RawMessage) error, t *tries) (json.RawMessage, error) {
	t.written = false
	nc, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(past) })
	defer stop()
	req.setDeadline(ctx, nc)
	n, sendErr := nc.Write(req.line)
	t.written = n > 0 // who got a part may have got the whole
	r := newAnswers(nc, req)
	for {
		// Also after a failed write: a daemon that refuses a connection says
		// why before it closes it.
		answer, err := r.next()
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, ctx.Err()
		case err != nil && sendErr != nil:
			return nil, classifyIO(ctx, req.spec.Name, sendErr)
		case err != nil:
			return nil, classifyIO(ctx, req.spec.Name, err)
		case answer.item == nil:
			return answer.Result, answer.err()
		}
		if each != nil {
			if err := each(answer.item); err != nil {
				return nil, err
			}
		}
		req.setDeadline(ctx, nc)
	}
}

// past is a deadline that ends what waits at once.
var past = time.Unix(1, 0)

// setDeadline bounds the wait for what comes next: a quick method's answer by
// attemptTime, everything by the deadline of ctx.
func (r request) setDeadline(ctx context.Context, nc net.Conn) {
	deadline, bounded := ctx.Deadline()
	if d := time.Now().Add(attemptTime); r.spec.Kind == Quick && (!bounded || d.Before(deadline)) {
		deadline = d
	}
	nc.SetDeadline(deadline)
	if ctx.Err() != nil { // the deadline that says so may just have been lost
		nc.SetDeadline(past)
	}
}

func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
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

func decodeResult(method string, raw json.RawMessage, result any) error {
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return Errorf(InvalidResponse, "cannot read the answer to %s: %w", method, err)
	}
	return nil
}
