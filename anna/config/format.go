package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// format writes a value as TOML.
func format(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case string:
		return tomlString(v)
	case []string:
		list := make([]string, len(v))
		for i, s := range v {
			list[i] = tomlString(s)
		}
		return "[" + strings.Join(list, ", ") + "]"
	default:
		return tomlString(plain(v).(string))
	}
}

// plain turns a value into what JSON holds: bool, int, string or []string.
func plain(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return formatDuration(v)
	case slog.Level:
		return formatLevel(v)
	case fmt.Stringer:
		return v.String()
	case []string:
		return append([]string{}, v...)
	default:
		return v
	}
}

// tomlString writes a basic string of TOML.
func tomlString(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' || r == 0x7f }) {
		return `"` + s + `"`
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// join writes a path of names as TOML does, quoting what needs it.
func join(path []string) string {
	if !slices.ContainsFunc(path, needsQuotes) {
		return strings.Join(path, ".")
	}
	quoted := slices.Clone(path)
	for i, p := range path {
		if needsQuotes(p) {
			quoted[i] = tomlString(p)
		}
	}
	return strings.Join(quoted, ".")
}

// letters are those of plain names, with the digits.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func needsQuotes(name string) bool {
	return name == "" || strings.Trim(name, letters+"-_") != ""
}
