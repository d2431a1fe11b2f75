package config

import (
	"cmp"
	"fmt"
	"reflect"
	"time"
)

// kind is one way of writing a value: how it is read and how it is described.
type kind struct {
	label   string // "duration"
	article string // "a duration"
	example string // as TOML; "" where the bounds say enough
	read    func(n node) (any, *mismatch)
}

// mismatch says why a value cannot be what its key needs.
type mismatch struct {
	message string   // completes "health.interval: "
	offers  []string // what may have been meant, as TOML; the first that is right is told
	at      int      // offset of the entry of a list that is wrong; 0 when it is the whole value
}

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
	intKind      = kind{label: "int", article: "a whole number", read: readInt}
	durationKind = kind{label: "duration", article: "a duration", read: readDuration}
	sizeKind     = kind{label: "size", article: "a size", read: readSize}
	percentKind  = kind{label: "percent", article: "a percentage", read: readPercent}
	limitKind    = kind{label: "size or percent", article: "a size", read: readLimit}
	levelKind    = kind{label: "log level", article: `"debug", "info", "warn" or "error"`, read: readLevel}
	pathKind     = kind{label: "path", article: "an absolute path", example: `"/var/lib/anna"`, read: readPath}
	socketKind   = kind{label: "socket path", article: "an absolute path of at most 107 bytes", example: `"/run/anna/annad.sock"`, read: readSocket}
	groupKind    = kind{label: "group", article: "the name of a group of this system, or \"\"", read: readGroup}
	pathsKind    = kind{label: "list of paths", article: "a list of at most 256 absolute paths", example: `["/etc/fstab", "/etc/hosts"]`, read: readPaths}
)

// inBounds checks a value that was read against the bounds of its key.
func (k *key) inBounds(v any) *mismatch {
	if k.low == nil {
		return nil
	}
	x, low, high := v, k.low, k.high
	if l, ok := v.(Limit); ok {
		if l.Percent != 0 {
			return nil // bounds of its own, held when it was read
		}
		x, low, high = l.Size, low.(Limit).Size, high.(Limit).Size
	}
	switch {
	case compare(x, low) < 0:
		return &mismatch{message: format(v) + " is too small: the least is " + k.min}
	case compare(x, high) > 0:
		return &mismatch{message: format(v) + " is too large: the most is " + k.max}
	}
	return nil
}

// parse reads a value and checks it against the bounds of its key.
func (k *key) parse(n node) (any, *mismatch) {
	v, m := k.kind.read(n)
	if m == nil {
		m = k.inBounds(v)
	}
	if m != nil {
		return nil, m
	}
	return v, nil
}

// suggestion is the first offer that the key takes.
func (k *key) suggestion(m *mismatch) string {
	for _, offer := range m.offers {
		whole := offer
		if m.at != 0 {
			whole = "[" + offer + "]"
		}
		if n, err := parseValue(whole); err == nil {
			if _, bad := k.parse(n); bad == nil {
				return offer
			}
		}
	}
	return ""
}

// set stores a value where the row says; get returns it.
func (k *key) set(v *values, x any) { reflect.ValueOf(k.field(v)).Elem().Set(reflect.ValueOf(x)) }
func (k *key) get(v *values) any    { return reflect.ValueOf(k.field(v)).Elem().Interface() }

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
