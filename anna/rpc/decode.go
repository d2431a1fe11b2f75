package rpc

import (
	"bytes"
	"encoding/json"
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
