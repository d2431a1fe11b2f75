package rpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// An Error is a failed call: what crosses the wire, and what the client makes
// of everything else that can go wrong.
type Error struct {
	Code      Code
	Message   string          // "cannot do this: cause"
	Hint      string          // what to do next
	Retryable bool            // the same call may succeed later
	RequestID string          // of an Internal error: the log has it too
	Details   json.RawMessage // what else belongs to it, as the method documents
	cause     error
}

// Errorf makes an error with the code's own hint.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	row := code.Row()
	return &Error{
		Code: code, Message: err.Error(), Hint: row.Hint,
		Retryable: row.Retry != RetryNever, cause: errors.Unwrap(err),
	}
}

// WithHint returns the error with another hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithDetails returns the error with what else belongs to it.
func (e *Error) WithDetails(details any) *Error {
	c := *e
	if raw, err := json.Marshal(details); err == nil {
		c.Details = raw
	}
	return &c
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns what the error was made from.
func (e *Error) Unwrap() error { return e.cause }

// Exit is the exit status of a command that ends with this error.
func (e *Error) Exit() int { return e.Code.Row().Exit }

// wireError is an Error as JSON-RPC writes it.
type wireError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

type wireErrorData struct {
	Code      Code            `json:"code"`
	Message   string          `json:"message"`
	Hint      string          `json:"hint"`
	Retryable bool            `json:"retryable"`
	RequestID string          `json:"request_id,omitempty"`
	Details   json.RawMessage `json:"details,omitempty"`
}

func (e *Error) wire() *wireError {
	data, err := json.Marshal(wireErrorData{e.Code, e.Message, e.Hint, e.Retryable, e.RequestID, e.Details})
	if err != nil { // only Details can fail, when somebody filled it by hand
		data, _ = json.Marshal(wireErrorData{e.Code, e.Message, e.Hint, e.Retryable, e.RequestID, nil})
	}
	return &wireError{Code: e.Code.Row().Number, Message: e.Message, Data: data}
}

// fromWire reads an error that a daemon sent: of this version, of an older one
// that sends no data, or of a newer one with a code unknown here. Its texts go
// to a terminal, so they come back without control characters.
func fromWire(w *wireError) *Error {
	var data wireErrorData
	if len(w.Data) > 0 && json.Unmarshal(w.Data, &data) != nil {
		data = wireErrorData{}
	}
	code, _ := codeOf(w.Code)
	if data.Code.Known() && data.Code.Row().Number != 0 {
		code = data.Code
	}
	row := code.Row()
	e := &Error{
		Code: code, Message: row.Message, Hint: row.Hint, Retryable: row.Retry != RetryNever,
		RequestID: printable(data.RequestID), Details: data.Details,
	}
	if data.Code != "" {
		e.Retryable = data.Retryable
	}
	for _, said := range []string{w.Message, data.Message} {
		if said = printable(said); said != "" {
			e.Message = said
		}
	}
	if hint := printable(data.Hint); hint != "" {
		e.Hint = hint
	}
	return e
}

// maxText bounds a text from outside: a long list of problems fits.
const maxText = 64 << 10

// printable keeps what can be printed, and line ends and tabs.
func printable(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
}

// clip shortens a name that came from outside before it is shown again.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}
