package config

import (
	"cmp"
	"fmt"
	"log/slog"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is one way of writing a value: how it is read, how it is ordered, how
// it is described.
type kind struct {
	label   string // "duration"
	article string // "a duration"
	example string // as TOML; "" where the bounds say enough
	read    func(n node) (any, *mismatch)
	compare func(a, b any) int // nil where there is no order
}

// mismatch says why a value cannot be what its key needs.
type mismatch struct {
	message    string // completes "health.interval: "
	suggestion string // what was probably meant, as TOML
	at         int    // offset of the part that is wrong, where it is not the whole; 0 otherwise
}

func (k kind) name() string { return k.label }

// allowed is the sentence that says what a key takes.
func (k kind) allowed(row *key) string {
	s := k.article
	switch {
	case row.min != "" && k.label == "size or percent":
		return fmt.Sprintf(`a size from %s to %s, such as "70MB", or a percentage of the limit, such as "85%%"`, row.min, row.max)
	case row.min != "":
		return s + " from " + row.min + " to " + row.max
	case k.example != "":
		return s + ", such as " + k.example
	}
	return s
}

var (
	boolKind     = kind{label: "bool", article: "true or false", read: readBool}
	intKind      = kind{label: "int", article: "a whole number", read: readInt, compare: by[int]}
	durationKind = kind{label: "duration", article: "a duration", read: readDuration, compare: by[time.Duration]}
	sizeKind     = kind{label: "size", article: "a size", read: readSize, compare: by[Size]}
	percentKind  = kind{label: "percent", article: "a percentage", read: readPercent, compare: by[Percent]}
	limitKind    = kind{label: "size or percent", article: "a size", read: readLimit, compare: bySize}
	levelKind    = kind{label: "log level", article: `"debug", "info", "warn" or "error"`, read: readLevel}
	pathKind     = kind{label: "path", article: "an absolute path", example: `"/var/lib/anna"`, read: readPath}
	socketKind   = kind{label: "socket path", article: "an absolute path of at most 107 bytes", example: `"/run/anna/annad.sock"`, read: readSocket}
	groupKind    = kind{label: "group", article: "the name of a group of this system, or \"\"", read: readGroup}
	pathsKind    = kind{label: "list of paths", article: "a list of at most 256 absolute paths", example: `["/etc/fstab", "/etc/hosts"]`, read: readPaths}
)

func by[T cmp.Ordered](a, b any) int { return cmp.Compare(a.(T), b.(T)) }

// bySize orders limits by their size; a percentage has no place among sizes
// and passes every bound, its own being 0 and 100 already.
func bySize(a, b any) int {
	x, y := a.(Limit), b.(Limit)
	if x.Percent != 0 || y.Percent != 0 {
		return 0
	}
	return cmp.Compare(x.Size, y.Size)
}

// describe names a value as people would: `the number 5`.
func describe(n node) string {
	switch n.kind {
	case unstable.String:
		return "the text " + quote(n.str)
	case unstable.Bool:
		return n.raw
	case unstable.Integer, unstable.Float:
		return "the number " + shorten(n.raw, 40)
	case unstable.Array:
		return "a list"
	case unstable.InlineTable:
		return "a table"
	default:
		return "the date " + shorten(n.raw, 40)
	}
}

// readAs reads a text with the given parser. A bare number gets its missing
// quotes and unit as a suggestion.
func readAs[T any](n node, article, unit string, parse func(string) (T, error)) (any, *mismatch) {
	if n.kind != unstable.String {
		m := &mismatch{message: "cannot be " + describe(n) + ": it must be " + article + " in quotes"}
		if n.kind == unstable.Integer || n.kind == unstable.Float {
			if _, err := parse(n.raw + unit); err == nil {
				m.suggestion = strconv.Quote(n.raw + unit)
			}
		}
		return nil, m
	}
	v, err := parse(n.str)
	if err != nil {
		m := &mismatch{message: err.Error()}
		compact := strings.ReplaceAll(n.str, " ", "")
		for _, guess := range []string{compact, strings.ToLower(compact), compact + unit, strings.ReplaceAll(compact, ",", ".")} {
			if _, err := parse(guess); err == nil {
				m.suggestion = strconv.Quote(guess)
				break
			}
		}
		return nil, m
	}
	return v, nil
}

func readDuration(n node) (any, *mismatch) { return readAs(n, "a duration", "s", ParseDuration) }
func readSize(n node) (any, *mismatch)     { return readAs(n, "a size", "MB", ParseSize) }
func readPercent(n node) (any, *mismatch)  { return readAs(n, "a percentage", "%", ParsePercent) }
func readLimit(n node) (any, *mismatch) {
	return readAs(n, "a size or a percentage", "MB", ParseLimit)
}

func readLevel(n node) (any, *mismatch) {
	v, m := readAs(n, "a log level", "", ParseLevel)
	if m != nil && n.kind == unstable.String && m.suggestion == "" {
		names := make([]string, len(levels))
		for i, l := range levels {
			names[i] = formatLevel(l)
		}
		word := strings.ToLower(n.str)
		if word == "trace" {
			word = "debug"
		}
		if s := nearest(word, names); s != "" {
			m.suggestion = strconv.Quote(s)
		}
	}
	return v, m
}

func readBool(n node) (any, *mismatch) {
	if n.kind == unstable.Bool {
		return n.raw == "true", nil
	}
	m := &mismatch{message: "cannot be " + describe(n) + ": it must be true or false"}
	word := strings.ToLower(n.str)
	if n.kind == unstable.Integer {
		word = n.raw
	}
	switch word {
	case "true", "yes", "on", "1", "enabled":
		m.suggestion = "true"
	case "false", "no", "off", "0", "disabled":
		m.suggestion = "false"
	}
	return nil, m
}

func readInt(n node) (any, *mismatch) {
	if n.kind == unstable.Integer {
		i, err := strconv.ParseInt(strings.ReplaceAll(n.raw, "_", ""), 0, 0)
		if err != nil {
			return nil, &mismatch{message: shorten(n.raw, 40) + " is too large a number"}
		}
		return int(i), nil
	}
	m := &mismatch{message: "cannot be " + describe(n) + ": it must be a whole number"}
	if _, err := strconv.Atoi(n.str); err == nil && len(n.str) < 20 {
		m.suggestion = n.str
	}
	return nil, m
}

func readText(n node) (string, *mismatch) {
	if n.kind != unstable.String {
		return "", &mismatch{message: "cannot be " + describe(n) + ": it must be a text in quotes"}
	}
	for _, r := range n.str {
		if r < ' ' || r == 0x7f {
			return "", &mismatch{message: quote(n.str) + " holds a control character"}
		}
	}
	return n.str, nil
}

// maxPath is PATH_MAX without its terminating NUL (linux/limits.h).
const maxPath = 4095

func readPath(n node) (any, *mismatch) {
	s, m := readText(n)
	switch {
	case m != nil:
		return nil, m
	case s == "":
		return nil, &mismatch{message: "is empty: it must be an absolute path"}
	case len(s) > maxPath:
		return nil, &mismatch{message: fmt.Sprintf("is %d bytes long: a path has at most %d", len(s), maxPath)}
	case strings.HasPrefix(s, "~"):
		return nil, &mismatch{message: quote(s) + " is not an absolute path: ~ means nothing here"}
	case !path.IsAbs(s):
		m := &mismatch{message: quote(s) + " is not an absolute path"}
		if strings.HasPrefix(s, "etc/") || strings.HasPrefix(s, "run/") || strings.HasPrefix(s, "var/") {
			m.suggestion = strconv.Quote("/" + s)
		}
		return nil, m
	}
	return path.Clean(s), nil
}

// maxSocket is the size of sun_path without its terminating NUL (unix(7)).
const maxSocket = 107

func readSocket(n node) (any, *mismatch) {
	v, m := readPath(n)
	if m != nil {
		return nil, m
	}
	switch s := v.(string); {
	case len(s) > maxSocket:
		return nil, &mismatch{message: fmt.Sprintf("is %d bytes long: the path of a socket has at most %d", len(s), maxSocket)}
	case s == "/" || strings.HasSuffix(n.str, "/"):
		return nil, &mismatch{message: quote(n.str) + " is a directory, not a socket"}
	}
	return v, nil
}

// readGroup takes what useradd(8) takes for a name, and what other sources of
// names are known to hold. Whether the group exists is asked later.
func readGroup(n node) (any, *mismatch) {
	s, m := readText(n)
	switch {
	case m != nil:
		return nil, m
	case len(s) > 256 || strings.ContainsAny(s, " :,/"):
		return nil, &mismatch{message: quote(s) + " is not the name of a group"}
	case s != "" && strings.Trim(s, "0123456789") == "":
		return nil, &mismatch{message: quote(s) + " is a number: the name of the group is needed"}
	}
	return s, nil
}

const maxPaths = 256

func readPaths(n node) (any, *mismatch) {
	if n.kind != unstable.Array {
		m := &mismatch{message: "cannot be " + describe(n) + ": it must be a list of paths"}
		if _, bad := readPath(n); bad == nil && len(n.str) < 100 {
			m.suggestion = "[" + strconv.Quote(n.str) + "]"
		}
		return nil, m
	}
	if len(n.elems) > maxPaths {
		return nil, &mismatch{message: fmt.Sprintf("has %d entries: at most %d are allowed", len(n.elems), maxPaths)}
	}
	list := make([]string, 0, len(n.elems))
	for _, e := range n.elems {
		v, m := readPath(e)
		if m != nil {
			m.at = e.at
			return nil, m
		}
		list = append(list, v.(string))
	}
	return list, nil
}

// inBounds checks a value that was read against the bounds of its key.
func (k *key) inBounds(v any) *mismatch {
	if k.low == nil {
		return nil
	}
	if l, ok := v.(Limit); ok && l.Percent != 0 {
		return nil
	}
	switch {
	case k.kind.compare(v, k.low) < 0:
		return &mismatch{message: format(v) + " is too small: the least is " + k.min}
	case k.kind.compare(v, k.high) > 0:
		return &mismatch{message: format(v) + " is too large: the most is " + k.max}
	}
	return nil
}

// parse reads a value and checks it against the bounds of its key.
func (k *key) parse(n node) (any, *mismatch) {
	v, m := k.kind.read(n)
	if m != nil {
		return nil, m
	}
	if m := k.inBounds(v); m != nil {
		return nil, m
	}
	return v, nil
}

// must reads a text of the table itself. A row that cannot be read stops the
// program at once: it is a mistake in the program.
func (k *key) must(toml string) any {
	if toml == "" {
		return nil
	}
	n, err := parseValue(toml)
	if err != nil {
		panic(fmt.Sprintf("config: key %s: %s: %v", k.Name, toml, err))
	}
	v, m := k.kind.read(n)
	if m != nil {
		panic(fmt.Sprintf("config: key %s: %s: %s", k.Name, toml, m.message))
	}
	return v
}

// set stores a value where the row says; get returns it.
func (k *key) set(v *values, x any) { reflect.ValueOf(k.field(v)).Elem().Set(reflect.ValueOf(x)) }
func (k *key) get(v *values) any    { return reflect.ValueOf(k.field(v)).Elem().Interface() }

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
		return FormatDuration(v)
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

// compare orders two values of the same type.
func compare(a, b any) int {
	switch a := a.(type) {
	case int:
		return cmp.Compare(a, b.(int))
	case time.Duration:
		return cmp.Compare(a, b.(time.Duration))
	case Size:
		return cmp.Compare(a, b.(Size))
	case Percent:
		return cmp.Compare(a, b.(Percent))
	}
	panic(fmt.Sprintf("config: %T has no order", a))
}
