package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// A Kind says how long a method may take, and so where its latency is counted.
type Kind string

const (
	// Quick methods answer from memory; they alone make the overall latency.
	Quick Kind = "quick"
	// Long methods work before they answer; they have windows of their own.
	Long Kind = "long"
	// Stream methods send items until they are cancelled.
	Stream Kind = "stream"
)

// An Access is who may call a method.
type Access string

const (
	// Observe is for everybody whom the socket's mode and group let in.
	Observe Access = "observe"
	// Control is for root, the daemon's own user and the control group.
	Control Access = "control"
)

// A Spec is what both sides know of a method.
type Spec struct {
	Name       string
	Summary    string
	Kind       Kind
	Access     Access
	Idempotent bool // calling it twice is as good as calling it once
}

// A Method is a Spec with what answers it.
type Method struct {
	Spec
	Handle func(*Request) (any, error)
}

// A Request is one call, as its handler sees it.
type Request struct {
	Method string
	Params json.RawMessage // object or array; empty when there were none
	Peer   Peer

	ctx     context.Context
	send    func(item any) error
	uncount func() // keeps it out of the latency that others are judged by
}

// Context ends when the client vanishes or cancels, when the method's time is
// over and when the daemon stops.
func (r *Request) Context() context.Context { return r.ctx }

// Watching is embedded in the parameters of the methods that a dashboard calls.
type Watching struct {
	// Observer says that the caller only watches: the request is counted apart
	// and changes no window. The answer is the same.
	Observer bool `json:"observer,omitempty"`
}

func (w Watching) observes() bool { return w.Observer }

// Send sends one item of a stream, or of the progress of a long method. It
// blocks while the client does not read, for as long as the server's write
// limit allows, and fails when the client is gone.
func (r *Request) Send(item any) error { return r.send(item) }

// Decode reads the parameters, by name, into the struct that v points to. A
// name that the method does not know is an error: a misspelt option must not
// be taken for an absent one.
func (r *Request) Decode(v any) error {
	if len(r.Params) == 0 {
		return nil
	}
	if r.Params[0] == '[' {
		if bytes.Equal(bytes.Join(bytes.Fields(r.Params), nil), []byte("[]")) {
			return nil
		}
		return Errorf(InvalidParams, "cannot read the parameters of %s: they are given by name, as an object", r.Method)
	}
	dec := json.NewDecoder(bytes.NewReader(r.Params))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if w, ok := v.(interface{ observes() bool }); ok && w.observes() && r.uncount != nil {
			r.uncount()
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return Errorf(InvalidParams, "cannot read the parameters of %s: %q is a %s, not a %s", r.Method, wrong.Field, wrong.Value, wrong.Type)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(InvalidParams, "cannot read the parameters of %s: they end early", r.Method)
	}
	return Errorf(InvalidParams, "cannot read the parameters of %s: %s", r.Method, strings.TrimPrefix(err.Error(), "json: "))
}
