package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// A Figure is a measured value, or unknown with the reason. The zero Figure is
// unknown: a value nobody read is never 0.
type Figure[T any] struct {
	Value  T
	Known  bool
	Reason string // why the value is not known, as a clause; "" when it is
}

// Known returns a measured figure.
func Known[T any](v T) Figure[T] { return Figure[T]{Value: v, Known: true} }

// Unknown returns a figure that could not be had, and why.
func Unknown[T any](reason string) Figure[T] { return Figure[T]{Reason: reason} }

// Unknownf is Unknown with a formatted reason.
func Unknownf[T any](format string, args ...any) Figure[T] {
	return Unknown[T](fmt.Sprintf(format, args...))
}

// unknownErr is Unknown with the cause of an error, without the noise of the
// call that failed.
func unknownErr[T any](what string, err error) Figure[T] {
	return Unknownf[T]("cannot read %s: %v", what, cause(err))
}

// Ptr returns the value, or nil when it is unknown: the shape JSON wants.
func (f Figure[T]) Ptr() *T {
	if !f.Known {
		return nil
	}
	return &f.Value
}

// Get returns the value and whether it is known.
func (f Figure[T]) Get() (T, bool) { return f.Value, f.Known }

// Why returns the reason of an unknown figure, and never nothing for one.
func (f Figure[T]) Why() string {
	if !f.Known && f.Reason == "" {
		return "not measured"
	}
	return f.Reason
}

// String returns the value, or "unknown (reason)".
func (f Figure[T]) String() string {
	if !f.Known {
		return "unknown (" + f.Why() + ")"
	}
	return fmt.Sprint(f.Value)
}

// cause strips "open /path:" from an error: the caller names the file itself.
func cause(err error) error {
	var no syscall.Errno
	var pe *fs.PathError
	switch {
	case errors.As(err, &no):
		return no
	case errors.As(err, &pe):
		return pe.Err
	}
	return err
}
