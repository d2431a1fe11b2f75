package rpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A call is one request as it was read: valid, or with the error that says why
// it is not. Its raw parts lie within the line.
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
// whole is no JSON, or no request, gives one call with the error. Nothing of
// the line is copied but method names.
func decodeLine(line []byte, lim Limits) (calls []call, batch bool) {
	line = bytes.TrimSpace(line)
	refuse := func(code Code, format string, args ...any) ([]call, bool) {
		return []call{{id: null, bad: Errorf(code, format, args...)}}, false
	}
	switch {
	case tooDeep(line, lim.Depth):
		return refuse(ParseError, "cannot read the request: it is nested deeper than %d levels", lim.Depth)
	case !utf8.Valid(line): // RFC 8259, section 8.1; json.Valid lets it pass
		return refuse(ParseError, "cannot read the request: it is not UTF-8")
	case !json.Valid(line):
		return refuse(ParseError, "cannot read the request: %s", invalid(line))
	case line[0] != '[':
		return []call{decodeCall(line)}, false
	}
	s := scanner{line[1:]}
	for s.more() {
		if len(calls) == lim.Batch {
			return refuse(InvalidRequest, "cannot run the batch: it has more than %d requests", lim.Batch)
		}
		calls = append(calls, decodeCall(s.value()))
	}
	if len(calls) == 0 {
		return refuse(InvalidRequest, "cannot run the batch: it is empty")
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
// A member given twice is refused: which of the two was meant, nobody knows.
func decodeCall(raw json.RawMessage) call {
	c := call{}
	refuse := func(format string, args ...any) call {
		if c.id == nil {
			c.id = null // an invalid request is answered even when it had no id
		}
		c.bad = Errorf(InvalidRequest, format, args...)
		return c
	}
	if raw[0] != '{' {
		return refuse("cannot run the request: it is not an object")
	}
	var version, method json.RawMessage
	members := [...]struct {
		name string
		at   *json.RawMessage
	}{{"jsonrpc", &version}, {"method", &method}, {"params", &c.params}, {"id", &c.id}}
	twice := ""
	for s := (scanner{raw[1:]}); s.more(); {
		name, value := unquote(s.value()), s.value()
		for _, m := range members {
			if string(name) != m.name {
				continue
			}
			if *m.at != nil {
				twice = m.name
			}
			*m.at = value
		}
	}
	if c.id != nil {
		switch first := c.id[0]; {
		case twice == "id":
			c.id = null
		case len(c.id) > maxID:
			c.id = null
			return refuse("cannot run the request: its id is longer than %d bytes", maxID)
		case first == '{' || first == '[' || first == 't' || first == 'f':
			c.id = null
			return refuse("cannot run the request: an id is a string, a number or null")
		}
	}
	switch {
	case twice != "":
		return refuse("cannot run the request: it has %q twice", twice)
	case string(version) != `"2.0"`:
		return refuse(`cannot run the request: "jsonrpc" is not "2.0"`)
	case len(method) == 0 || method[0] != '"':
		return refuse(`cannot run the request: "method" is not a string`)
	}
	c.method = string(unquote(method))
	if len(c.params) > 0 && c.params[0] != '{' && c.params[0] != '[' {
		return refuse(`cannot run %q: "params" is neither an object nor an array`, clip(c.method))
	}
	return c
}

// unquote returns the text of a JSON string that is known to be valid.
func unquote(raw json.RawMessage) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil
	}
	return []byte(s)
}

// A scanner cuts the inside of an array or object into its values, names among
// them, without copying. Its text is valid JSON: that is checked before.
type scanner struct{ rest []byte }

// more steps over what separates values and reports whether there is another.
func (s *scanner) more() bool {
	s.rest = bytes.TrimLeft(s.rest, " \t\r\n,:")
	return len(s.rest) > 0 && s.rest[0] != ']' && s.rest[0] != '}'
}

// value returns the next value.
func (s *scanner) value() json.RawMessage {
	if !s.more() {
		return null
	}
	text, depth, inString := s.rest, 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case inString:
			if b == '\\' {
				i++
			} else if b == '"' {
				inString = false
			}
		case b == '"':
			inString = true
		case b == '{' || b == '[':
			depth++
		case depth > 0 && (b == '}' || b == ']'):
			depth--
		case depth == 0 && strings.IndexByte(" \t\r\n,:]}", b) >= 0:
			s.rest = text[i:]
			return text[:i:i]
		}
	}
	s.rest = nil
	return text
}

// tooDeep reports nesting beyond the limit, before anything is built from the
// line.
func tooDeep(line []byte, limit int) bool {
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
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// clip shortens a name that came from outside before it is shown again.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}

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
