package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// writeJSON writes a value as one line. What a terminal would act on or hide is
// escaped, beyond what encoding/json escapes: C1 controls, and characters that
// change the direction of a text. To who parses it, it is the same.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot write the answer as JSON: %w", err)
	}
	line := b.Bytes()
	hidden := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	if bytes.IndexFunc(line, hidden) >= 0 {
		var safe []byte
		for len(line) > 0 {
			r, size := utf8.DecodeRune(line)
			switch {
			case !hidden(r):
				safe = append(safe, line[:size]...)
			case r > 0xffff:
				high, low := utf16.EncodeRune(r)
				safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
			default:
				safe = fmt.Appendf(safe, `\u%04x`, r)
			}
			line = line[size:]
		}
		line = safe
	}
	_, err := w.Write(line)
	return err
}
