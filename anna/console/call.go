package console

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Call calls the daemon within the command's time.
func (c *Console) Call(method string, params, result any) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.Call(ctx, method, params, result)
}

// CallOnce is Call for what is nice to know: it says nothing and does not try
// again.
func (c *Console) CallOnce(method string, params, result any) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.CallOnce(ctx, method, params, result)
}

// CallLast is CallOnce for a last word: also when the user has interrupted the
// command, and for a moment only.
func (c *Console) CallLast(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), lastTime)
	defer cancel()
	return c.client.CallOnce(ctx, method, params, result)
}

// lastTime is that moment.
const lastTime = 2 * time.Second

// CallEach is CallOnce for a method with items: each gets them before the
// result, and ends the call when it fails.
func (c *Console) CallEach(method string, params, result any, each func(json.RawMessage) error) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.CallEach(ctx, method, params, result, each)
}

// CallSteady is CallEach for what may take long: the command's time is what may
// pass from one item to the next, while the function is not at work.
func (c *Console) CallSteady(method string, params, result any, each func(json.RawMessage) error) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	silent := time.AfterFunc(c.timeout, cancel)
	defer silent.Stop()
	err := c.client.CallEach(ctx, method, params, result, func(item json.RawMessage) error {
		silent.Stop()
		defer silent.Reset(c.timeout)
		return each(item)
	})
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
		return rpc.Errorf(rpc.ReadTimeout, "cannot get an answer to %s: the daemon has been silent for %s", method, c.timeout)
	}
	return err
}

// within is the command's time: it begins with the first call, and all calls
// share it.
func (c *Console) within() (context.Context, context.CancelFunc) {
	if c.deadline.IsZero() {
		c.deadline = time.Now().Add(c.timeout)
	}
	return context.WithDeadline(c.ctx, c.deadline)
}

// Renew begins the command's time anew, for one that goes on until it is told
// to stop: each of its turns has the whole.
func (c *Console) Renew() { c.deadline = time.Time{} }

// Follow calls a stream method until the user interrupts the command, the
// stream ends or the function fails.
func (c *Console) Follow(method string, params any, each func(json.RawMessage) error) error {
	return c.client.Follow(c.ctx, method, params, each)
}

// Peer is who listens on the daemon's socket, as the kernel says.
func (c *Console) Peer() (rpc.Peer, error) {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.Peer(ctx)
}

// Timeout is the command's whole time.
func (c *Console) Timeout() time.Duration { return c.timeout }
