package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// methodCancel is the notification that cancels a request of the connection.
const methodCancel = "cancel_request"

// A job is one line being worked on: a request or a batch. Its slot is held
// until every handler that it started has returned, also when the client was
// answered before, so that handlers that overrun cannot pile up.
type job struct {
	conn     *conn
	read     time.Time
	release  func()
	handlers sync.WaitGroup
}

func (j *job) run(line []byte) {
	defer func() {
		j.handlers.Wait()
		j.release()
	}()
	calls, batch := decodeLine(line, j.conn.s.Limits)
	if !batch {
		answer, obs := j.answer(calls[0], false)
		if answer != nil {
			j.conn.write(answer)
		}
		j.observe(obs)
		return
	}
	// One after the other, in the order written: what a script sends in one
	// batch it may expect to happen in that order.
	var out bytes.Buffer
	seen := make([]*Observation, 0, len(calls))
	out.WriteByte('[')
	for _, c := range calls {
		answer, obs := j.answer(c, true)
		seen = append(seen, obs)
		if answer == nil {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		if out.Len()+len(answer) > j.conn.s.answers.max(j.conn.peer)/2 {
			answer = encodeError(c.id, Errorf(Busy, "cannot answer %s: the batch's answers are too long together", clip(c.method)))
		}
		out.Write(answer)
	}
	out.WriteByte(']')
	if out.Len() > 2 {
		j.conn.write(out.Bytes())
	}
	for _, obs := range seen {
		j.observe(obs)
	}
}

func (j *job) observe(obs *Observation) {
	if obs == nil || j.conn.s.Observe == nil {
		return
	}
	if obs.Took == 0 {
		obs.Took = time.Since(j.read)
	}
	j.conn.s.Observe(*obs)
}

// answer runs one call. It returns no line for a notification, and no
// observation for what never was a call.
func (j *job) answer(c call, batch bool) ([]byte, *Observation) {
	if c.bad != nil {
		return encodeError(c.id, c.bad), &Observation{Failed: true, PeerUID: j.conn.peer.UID}
	}
	if c.method == methodCancel {
		return j.cancel(c), nil
	}
	s := j.conn.s
	m, known := s.methods[c.method]
	obs := &Observation{Method: c.method, Kind: m.Kind, Known: known, PeerUID: j.conn.peer.UID, Uncount: j.conn.peer.self() && !s.CountSelf}
	result, err := j.invoke(c, m, known, batch, obs)
	var line []byte
	if err == nil && c.id != nil {
		line, err = encodeResult(c.id, result)
		if err == nil && len(line) > s.answers.max(j.conn.peer) {
			err = Errorf(Busy, "cannot answer %s: the answer of %d bytes is too long", clip(c.method), len(line))
		}
	}
	if err != nil {
		e := j.explain(c.method, err)
		obs.Failed = true
		obs.Canceled = e.Code == Cancelled
		line = encodeError(c.id, e)
	}
	if c.id == nil {
		return nil, obs
	}
	return line, obs
}

// invoke checks and runs the handler, in a goroutine of its own: the client is
// answered when the time is over, whatever the handler does.
func (j *job) invoke(c call, m Method, known, batch bool, obs *Observation) (any, error) {
	s := j.conn.s
	switch {
	case !known:
		return nil, Errorf(MethodNotFound, "Method not found: %s", clip(c.method))
	case !s.allowed(j.conn.peer, m):
		return nil, Errorf(NotAuthorized, "cannot call %s: user %d may look but not control", m.Name, j.conn.peer.UID)
	case m.Kind == Stream && (batch || c.id == nil):
		return nil, Errorf(InvalidRequest, "cannot start %s: a stream is a request of its own, with an id", m.Name)
	}
	ctx, cancel := context.WithCancel(j.conn.ctx)
	defer cancel()
	switch m.Kind {
	case Quick:
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, s.Limits.QuickTime)
		defer stop()
	case Stream: // it would never end by itself, and stopping must
		stop := context.AfterFunc(j.conn.stopping, cancel)
		defer stop()
	}
	if c.id != nil {
		j.conn.register(c.id, cancel)
		defer j.conn.unregister(c.id)
	}
	var uncounted atomic.Bool
	var first atomic.Int64
	req := &Request{
		Method: c.method, Params: c.params, Peer: j.conn.peer,
		ctx: ctx, uncount: func() { uncounted.Store(true) },
		send: func(v any) error {
			if c.id == nil || batch {
				return nil // progress that nobody asked for
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			line, err := json.Marshal(item{"2.0", c.method, itemParams{c.id, v}})
			if err != nil {
				return fmt.Errorf("cannot encode an item: %w", err)
			}
			if err := j.conn.write(line); err != nil {
				return err
			}
			first.CompareAndSwap(0, int64(time.Since(j.read)))
			return nil
		},
	}
	type outcome struct {
		result any
		err    error
	}
	done := make(chan outcome, 1)
	j.handlers.Add(1)
	go func() {
		defer j.handlers.Done()
		result, err := guard(m, req)
		done <- outcome{result, err}
	}()
	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		select { // the handler's own word about it is better, if it comes at once
		case out = <-done:
		case <-time.After(20 * time.Millisecond):
			out.err = ctx.Err()
		}
	}
	if out.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(out.err, context.DeadlineExceeded) {
		out.err = Errorf(Timeout, "cannot finish %s within %s", m.Name, s.Limits.QuickTime)
	}
	obs.Uncount = obs.Uncount || uncounted.Load()
	if m.Kind == Stream {
		obs.Took = time.Duration(first.Load())
	}
	return out.result, out.err
}

// A panicked is a handler's panic with the place where it happened.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func guard(m Method, req *Request) (result any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return m.Handle(req)
}

// explain turns a handler's error into what the client reads. What has no code
// is a defect: the client gets a request id, the log the details under it.
func (j *job) explain(method string, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return Errorf(Cancelled, "cannot finish %s: it was cancelled", clip(method))
	}
	id := fmt.Sprintf("%x-%x", j.read.UnixMilli(), j.conn.s.lastID.Add(1))
	attrs := []any{"request_id", id, "method", clip(method), "error", err, "uid", j.conn.peer.UID}
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.stack))
	}
	j.conn.s.Log.Error("request failed", attrs...)
	e = Errorf(Internal, "cannot finish %s: internal error (request %s)", clip(method), id)
	e.RequestID = id
	return e
}

// cancel runs cancel_request, which is the server's own.
func (j *job) cancel(c call) []byte {
	var p struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.Unmarshal(c.params, &p); err != nil || p.ID == nil {
		if c.id == nil {
			return nil
		}
		return encodeError(c.id, Errorf(InvalidParams, "cannot cancel a request: the parameters have no id"))
	}
	j.conn.cancel(p.ID)
	if c.id == nil {
		return nil
	}
	line, _ := encodeResult(c.id, true)
	return line
}
