package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain makes a text from elsewhere fit for a terminal: escape sequences,
// controls and invisible characters that could rewrite the screen or disguise
// a name become visible escapes, as Go writes them.
func Plain(s string) string {
	safe := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if safe(r) || r == utf8.RuneError && size > 1 {
			b.WriteString(s[:size])
		} else {
			b.WriteString(escape(s[:size], r))
		}
		s = s[size:]
	}
	return b.String()
}

// escape is a character, whose bytes are raw, as Go writes it in a string.
func escape(raw string, r rune) string {
	const hex = "0123456789abcdef"
	switch {
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf || r == utf8.RuneError:
		return `\x` + string(hex[raw[0]>>4]) + string(hex[raw[0]&15])
	}
	out := []byte(`\u0000`)
	if r > 0xffff {
		out = []byte(`\U00000000`)
	}
	for i := len(out) - 1; i > 1; i-- {
		out[i] = hex[r&15]
		r >>= 4
	}
	return string(out)
}
