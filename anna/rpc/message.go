package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A call is one request as it was read: valid, or with the error that says why
// it is not.
type call struct {
	id     json.RawMessage // nil: a notification, which is never answered
	method string
	params json.RawMessage
	bad    *Error
}

// maxID bounds the id that is echoed: a counter or a UUID needs far less.
const maxID = 1024

var null = json.RawMessage("null")

// decodeLine reads one line: a request or a batch of them. A line that as a
// whole is no JSON, or no request, gives one call with the error.
func decodeLine(line []byte, lim Limits) (calls []call, batch bool) {
	line = bytes.TrimSpace(line)
	if err := checkDepth(line, lim.Depth); err != nil {
		return []call{{id: null, bad: err}}, false
	}
	if !json.Valid(line) {
		return []call{{id: null, bad: Errorf(ParseError, "cannot read the request: %s", invalid(line))}}, false
	}
	if line[0] != '[' {
		return []call{decodeCall(line)}, false
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		return []call{{id: null, bad: Errorf(ParseError, "cannot read the batch: %w", err)}}, false
	}
	for dec.More() {
		if len(calls) == lim.Batch {
			return []call{{id: null, bad: Errorf(InvalidRequest, "cannot run the batch: it has more than %d requests", lim.Batch)}}, false
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return []call{{id: null, bad: Errorf(ParseError, "cannot read the batch: %w", err)}}, false
		}
		calls = append(calls, decodeCall(raw))
	}
	if len(calls) == 0 {
		return []call{{id: null, bad: Errorf(InvalidRequest, "cannot run the batch: it is empty")}}, false
	}
	return calls, true
}

func invalid(line []byte) string {
	var v json.RawMessage
	if err := json.Unmarshal(line, &v); err != nil {
		return err.Error()
	}
	return "it is not JSON"
}

// decodeCall reads one request member by member, so that neither a thousand
// unknown members nor another spelling of a known one costs or means anything.
func decodeCall(raw json.RawMessage) call {
	c := call{}
	if len(raw) == 0 || raw[0] != '{' {
		c.id = null
		c.bad = Errorf(InvalidRequest, "cannot run the request: it is not an object")
		return c
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return call{id: null, bad: Errorf(ParseError, "cannot read the request: %w", err)}
	}
	var version, method json.RawMessage
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return call{id: null, bad: Errorf(ParseError, "cannot read the request: %w", err)}
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return call{id: null, bad: Errorf(ParseError, "cannot read the request: %w", err)}
		}
		switch name {
		case "jsonrpc":
			version = value
		case "method":
			method = value
		case "params":
			c.params = value
		case "id":
			c.id = value
		}
	}
	refuse := func(format string, args ...any) call {
		if c.id == nil {
			c.id = null // an invalid request is answered even when it had no id
		}
		c.bad = Errorf(InvalidRequest, format, args...)
		return c
	}
	if c.id != nil {
		switch first := c.id[0]; {
		case len(c.id) > maxID:
			c.id = null
			return refuse("cannot run the request: its id is longer than %d bytes", maxID)
		case first == '{' || first == '[' || first == 't' || first == 'f':
			c.id = null
			return refuse("cannot run the request: an id is a string, a number or null")
		}
	}
	if !bytes.Equal(version, []byte(`"2.0"`)) {
		return refuse(`cannot run the request: "jsonrpc" is not "2.0"`)
	}
	if err := json.Unmarshal(method, &c.method); len(method) == 0 || method[0] != '"' || err != nil {
		return refuse(`cannot run the request: "method" is not a string`)
	}
	if len(c.params) > 0 && c.params[0] != '{' && c.params[0] != '[' {
		return refuse(`cannot run %q: "params" is neither an object nor an array`, clip(c.method))
	}
	return c
}

// checkDepth refuses nesting beyond the limit before anything is built from
// the line.
func checkDepth(line []byte, limit int) *Error {
	depth, inString, escaped := 0, false, false
	for _, b := range line {
		switch {
		case escaped:
			escaped = false
		case inString && b == '\\':
			escaped = true
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			if depth++; depth > limit {
				return Errorf(ParseError, "cannot read the request: it is nested deeper than %d levels", limit)
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return nil
}

// clip shortens a name that came from outside before it is shown again.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

// response is an answer as it is written.
type response struct {
	JSONRPC string          `json:"jsonrpc"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *wireError      `json:"error,omitempty"`
	ID      json.RawMessage `json:"id"`
}

// encodeResult makes the answer's line without its newline.
func encodeResult(id json.RawMessage, result any) ([]byte, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the result: %w", err)
	}
	return json.Marshal(response{JSONRPC: "2.0", Result: raw, ID: id})
}

func encodeError(id json.RawMessage, e *Error) []byte {
	if id == nil {
		id = null
	}
	line, err := json.Marshal(response{JSONRPC: "2.0", Error: e.wire(), ID: id})
	if err != nil { // an id and texts that were JSON before
		return []byte(`{"jsonrpc":"2.0","error":{"code":-32603,"message":"cannot encode the error"},"id":null}`)
	}
	return line
}

// item is one piece of a stream, a notification that carries its request's id.
type item struct {
	JSONRPC string     `json:"jsonrpc"`
	Method  string     `json:"method"`
	Params  itemParams `json:"params"`
}

type itemParams struct {
	ID   json.RawMessage `json:"id"`
	Item any             `json:"item"`
}
