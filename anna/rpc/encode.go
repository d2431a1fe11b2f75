package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// newline ends every message on the wire.
const newline = '\n'

// encodeLine makes a line of what goes around a value, the value, and what
// follows it. Text is not escaped for HTML: people read these lines.
func encodeLine(before string, value any, after string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(before)
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - 1) // Encode ends with a newline
	b.WriteString(after)
	b.WriteByte(newline)
	return b.Bytes(), nil
}

// encodeResult makes the line of an answer.
func encodeResult(id json.RawMessage, result any) ([]byte, error) {
	line, err := encodeLine(`{"jsonrpc":"2.0","result":`, result, `,"id":`+string(id)+`}`)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the result: %w", err)
	}
	return line, nil
}

// encodeItem makes the line of one piece of a stream: a notification that
// carries its request's id.
func encodeItem(method string, id json.RawMessage, item any) ([]byte, error) {
	name, err := json.Marshal(method)
	if err != nil {
		return nil, fmt.Errorf("cannot encode an item: %w", err)
	}
	line, err := encodeLine(`{"jsonrpc":"2.0","method":`+string(name)+`,"params":{"id":`+string(id)+`,"item":`, item, `}}`)
	if err != nil {
		return nil, fmt.Errorf("cannot encode an item: %w", err)
	}
	return line, nil
}

func encodeError(id json.RawMessage, e *Error) []byte {
	if id == nil {
		id = null
	}
	line, err := encodeLine(`{"jsonrpc":"2.0","error":`, e.wire(), `,"id":`+string(id)+`}`)
	if err != nil { // an id and texts that were JSON before
		return []byte(`{"jsonrpc":"2.0","error":{"code":-32603,"message":"cannot encode the error"},"id":null}` + "\n")
	}
	return line
}
