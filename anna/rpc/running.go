package rpc

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// handlerGrace is how long a handler has, once its context ended, to say
// itself why it failed.
const handlerGrace = 20 * time.Millisecond

// A running is one call of a handler.
type running struct {
	*job
	call    call
	method  Method
	batch   bool
	obs     *Observation
	quick   time.Duration // what a quick method may take
	deliver func(line []byte)
}

// run calls the handler, in a goroutine of its own: the client is answered when
// the time is over, whatever the handler does. Quick calls of one connection
// take turns: they answer from memory, so that side by side they would only
// hold many answers at once that nobody may read.
func (r *running) run() error {
	c, s := r.conn, r.conn.s
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	unregister := c.register(&inflight{id: string(r.call.id), method: r.method.Name, cancel: cancel})
	switch r.method.Kind {
	case Quick:
		var stop context.CancelFunc
		_, _, r.quick = s.live()
		ctx, stop = context.WithTimeout(ctx, r.quick)
		defer stop()
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			unregister()
			return r.late(ctx, ctx.Err())
		}
	case Stream: // it would never end by itself, and stopping must
		stop := context.AfterFunc(c.stopping, cancel)
		defer stop()
	}
	leave, err := s.gate(c.peer).pass(ctx)
	if err != nil {
		unregister()
		return r.late(ctx, err)
	}
	line, err := r.handle(ctx, unregister)
	leave()
	if err != nil {
		return r.late(ctx, err)
	}
	if r.call.id != nil {
		r.deliver(line)
	}
	return nil
}

// late names a time that is over.
func (r *running) late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded) {
		return Errorf(Timeout, "cannot finish %s within %s", r.method.Name, r.quick)
	}
	return err
}

// handle runs the handler and encodes its result; both may fail in any way, and
// the handler may return long after handle did: returned is called then.
func (r *running) handle(ctx context.Context, returned func()) ([]byte, error) {
	var uncounted atomic.Bool
	var first atomic.Int64
	req := &Request{
		Method: r.call.method, Params: r.call.params, Peer: r.conn.peer,
		ctx: ctx, uncount: func() { uncounted.Store(true) },
		send: func(item any) error {
			err := r.send(ctx, item)
			if err == nil {
				first.CompareAndSwap(0, int64(time.Since(r.read)))
			}
			return err
		},
	}
	type outcome struct {
		line []byte
		err  error
	}
	done := make(chan outcome, 1)
	r.handlers.Add(1)
	go func() {
		defer r.handlers.Done()
		defer returned()
		out := outcome{err: errors.New("the handler ended its goroutine")}
		defer func() { done <- out }()
		out.line, out.err = guard(r.method, req, r.call.id)
	}()
	var out outcome
	select {
	case out = <-done:
	case <-ctx.Done():
		select { // the handler's own word about it is better, if it comes at once
		case out = <-done:
		case <-time.After(handlerGrace):
			out.err = ctx.Err()
		}
	}
	r.obs.Uncount = r.obs.Uncount || uncounted.Load()
	if r.method.Kind == Stream {
		r.obs.Took = time.Duration(first.Load())
	}
	return out.line, out.err
}

// send writes an item of a stream, or of a long method's progress.
func (r *running) send(ctx context.Context, item any) error {
	if r.call.id == nil || r.batch {
		return nil // progress that nobody asked for
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	line, err := encodeItem(r.method.Name, r.call.id, item)
	if err != nil {
		return err
	}
	err = r.conn.write(line)
	if e := unwritable(r.method.Name, len(line), err); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errLeft, err)
	}
	return nil
}

// errLeft says that the client is gone or does not read: its right, not a defect.
var errLeft = errors.New("the client left")

// A panicked is a handler's panic with the place where it happened.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func guard(m Method, req *Request, id []byte) (line []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			line, err = nil, &panicked{v, debug.Stack()}
		}
	}()
	result, err := m.Handle(req)
	if err != nil || id == nil {
		return nil, err
	}
	return encodeResult(id, result)
}
