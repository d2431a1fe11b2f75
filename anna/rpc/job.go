package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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
	if batch {
		j.batch(calls)
		return
	}
	c := calls[0]
	j.observe(j.answer(c, false, func(line []byte) {
		err := j.conn.write(line)
		if e := unwritable(c.method, len(line), err); e != nil {
			j.conn.write(encodeError(c.id, e))
		}
	}))
}

// unwritable says why an answer was not written, where the client can be told.
func unwritable(method string, size int, err error) *Error {
	switch {
	case errors.Is(err, errAnswerTooLarge):
		return Errorf(InvalidParams, "cannot answer %s: the answer of %d bytes is too long", clip(method), size).
			WithHint("Ask for less at once")
	case errors.Is(err, errFull):
		return Errorf(Busy, "cannot answer %s: too many answers wait for being read", clip(method))
	}
	return nil
}

// batch runs calls one after the other, in the order written: what a script
// sends in one batch it may expect to happen in that order. The answers go out
// together, so they are held, and counted, until the last is there.
func (j *job) batch(calls []call) {
	var out bytes.Buffer
	budget, peer, held := j.conn.s.answers, j.conn.peer, 0
	defer func() { budget.give(peer, held) }()
	var seen []*Observation
	for _, c := range calls {
		seen = append(seen, j.answer(c, true, func(line []byte) {
			line = bytes.TrimSuffix(line, []byte{newline})
			if need := answerCost * (out.Len() + len(line)); need > max(held, j.conn.s.Limits.freeAnswerBytes) {
				if !budget.try(peer, need-held) {
					line = bytes.TrimSuffix(encodeError(c.id, unwritable(c.method, 0, errFull)), []byte{newline})
				} else {
					held = need
				}
			}
			separator := byte(',')
			if out.Len() == 0 {
				separator = '['
			}
			out.WriteByte(separator)
			out.Write(line)
		}))
	}
	if out.Len() > 0 {
		out.WriteString("]\n")
		j.conn.send(out.Bytes())
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

// answer runs one call and delivers its answer, unless it is a notification.
// It returns no observation for what never was a call.
func (j *job) answer(c call, batch bool, deliver func(line []byte)) *Observation {
	s, peer := j.conn.s, j.conn.peer
	if c.bad != nil {
		deliver(encodeError(c.id, c.bad))
		return &Observation{Failed: true, PeerUID: peer.UID}
	}
	if c.method == methodCancel {
		j.cancel(c, deliver)
		return nil
	}
	m, known := s.methods[c.method]
	obs := &Observation{Method: c.method, Kind: m.Kind, Known: known, PeerUID: peer.UID, Uncount: peer.self() && !s.CountSelf}
	var err error
	switch {
	case !known:
		err = s.notFound(c.method)
	case !s.allowed(peer, m):
		err = Errorf(NotAuthorized, "cannot call %s: user %d may look but not control", m.Name, peer.UID)
	case m.Kind == Stream && (batch || c.id == nil):
		err = Errorf(InvalidRequest, "cannot start %s: a stream is a request of its own, with an id", m.Name)
	default:
		r := &running{job: j, call: c, method: m, batch: batch, obs: obs, deliver: deliver}
		err = r.run()
	}
	if err == nil {
		return obs
	}
	e := j.explain(c.method, err)
	obs.Failed, obs.Code, obs.Canceled = true, e.Code, e.Code == Cancelled
	if c.id != nil {
		deliver(encodeError(c.id, e))
	}
	return obs
}

// notFound is the error of a method that is not there. Of one that an older
// daemon had, all is in the message, for its clients show nothing else.
func (s *Server) notFound(method string) *Error {
	if instead, gone := s.Gone[method]; gone {
		return Errorf(MethodNotFound, "Method not found: %s of v0.12.6; %s", method, instead)
	}
	return Errorf(MethodNotFound, "Method not found: %s", clip(method))
}

// explain turns a handler's error into what the client reads. What has no code
// is a defect: the client gets a request id, the log the details under it.
func (j *job) explain(method string, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, errLeft):
		j.conn.s.Log.Debug("request ended", "method", clip(method), "why", err, "uid", j.conn.peer.UID)
		return Errorf(Cancelled, "cannot finish %s: %w", clip(method), err)
	case errors.Is(err, context.Canceled):
		return Errorf(Cancelled, "cannot finish %s: it was cancelled", clip(method))
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Timeout, "cannot finish %s: %w", clip(method), err)
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
func (j *job) cancel(c call, deliver func([]byte)) {
	var p struct {
		ID json.RawMessage `json:"id"`
	}
	var line []byte
	if err := json.Unmarshal(c.params, &p); err != nil || p.ID == nil {
		line = encodeError(c.id, Errorf(InvalidParams, "cannot cancel a request: the parameters have no id"))
	} else {
		j.conn.cancel(string(p.ID))
		line, _ = encodeResult(c.id, true)
	}
	if c.id != nil {
		deliver(line)
	}
}
