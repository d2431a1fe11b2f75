package storage

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// quote writes a name so that it can be told from the text around it, harms no
// terminal, and can be pasted into a shell: as it is where that is plain, else
// in single quotes, and as $'...' where it holds what does not print.
func quote(s string) string {
	if s == "" {
		return "''"
	}
	if simple(s) {
		return s
	}
	plain, prints := true, true
	for i, r := range s {
		switch {
		case r == utf8.RuneError, !unicode.IsPrint(r):
			prints = false
		case unicode.In(r, unicode.Letter, unicode.Number, unicode.Mark):
		case strings.ContainsRune("@._+:=,%/-", r):
		case r == '~' && i > 0:
		default:
			plain = false
		}
	}
	switch {
	case !prints:
		inner := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s)
		return "$'" + ui.Plain(inner) + "'"
	case plain && !strings.HasPrefix(s, "-"):
		return s
	case !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'`
}

// simple is what most names are: quote leaves them as they are.
func simple(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '/' || c == '@' || c == '-' && i > 0) {
			return false
		}
	}
	return true
}
