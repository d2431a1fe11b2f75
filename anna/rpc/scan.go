package rpc

import (
	"bytes"
	"encoding/json"
	"strings"
)

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
