package console

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// writeJSON writes a value as one line, safe for a terminal.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot write the answer as JSON: %w", err)
	}
	_, err := w.Write(printable(b.Bytes()))
	return err
}

// A jsonWriter writes JSON that comes in pieces of whole characters.
type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(b []byte) (int, error) {
	if _, err := j.w.Write(printable(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// plainWord says that eight bytes are all below 0x7f: adding one to each, no
// byte's top bit is set, before or after. Megabytes come this way.
func plainWord(w uint64) bool {
	return (w|(w+0x0101010101010101))&0x8080808080808080 == 0
}

// printable escapes in JSON what a terminal would act on or hide, beyond what
// encoding/json escapes: C1 controls, and characters that change the direction
// of a text. To who parses it, it is the same.
func printable(line []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	plain := 0
	for plain+8 <= len(line) && plainWord(binary.LittleEndian.Uint64(line[plain:])) {
		plain += 8
	}
	for plain < len(line) && line[plain] < 0x7f {
		plain++
	}
	if plain == len(line) || bytes.IndexFunc(line[plain:], hidden) < 0 {
		return line
	}
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
	return safe
}
