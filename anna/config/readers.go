package config

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

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

// readAs reads a text with the given parser. For what is almost right, such as
// a bare number, it offers what was probably meant.
func readAs[T any](n node, article string, parse func(string) (T, error), units ...string) (any, *mismatch) {
	if n.kind == unstable.String {
		v, err := parse(n.str)
		if err == nil {
			return v, nil
		}
		compact := strings.ReplaceAll(n.str, " ", "")
		m := &mismatch{message: err.Error()}
		m.offer(compact, strings.ToLower(compact), strings.ReplaceAll(compact, ",", "."))
		for _, unit := range units {
			m.offer(compact + unit)
		}
		return nil, m
	}
	m := &mismatch{message: "cannot be " + describe(n) + ": it must be " + article + " in quotes"}
	if n.kind == unstable.Integer || n.kind == unstable.Float {
		for _, unit := range units {
			m.offer(n.raw + unit)
		}
	}
	return nil, m
}

// offer adds texts that may have been meant. They need not be right.
func (m *mismatch) offer(texts ...string) {
	for _, t := range texts {
		if len(t) <= maxOffer {
			m.offers = append(m.offers, tomlString(t))
		}
	}
}

// maxOffer is the longest text that is worth being offered.
const maxOffer = 200

func readDuration(n node) (any, *mismatch) {
	return readAs(n, "a duration", ParseDuration, "s", "d", "ms")
}
func readSize(n node) (any, *mismatch)    { return readAs(n, "a size", ParseSize, "MB", "GB") }
func readPercent(n node) (any, *mismatch) { return readAs(n, "a percentage", parsePercent, "%") }
func readLimit(n node) (any, *mismatch) {
	return readAs(n, "a size or a percentage", parseLimit, "MB")
}

func readLevel(n node) (any, *mismatch) {
	v, m := readAs(n, "a log level", parseLevel)
	if m != nil {
		names := make([]string, len(levels))
		for i, l := range levels {
			names[i] = formatLevel(l)
		}
		m.offer(nearest.Of(n.str, names))
		if strings.EqualFold(n.str, "trace") {
			m.offer("debug")
		}
	}
	return v, m
}

func readBool(n node) (any, *mismatch) {
	if n.kind == unstable.Bool {
		return n.raw == "true", nil
	}
	m := &mismatch{message: "cannot be " + describe(n) + ": it must be true or false"}
	if t := truth(n.str + n.raw); t != "" { // a node has one of the two
		m.offers = []string{t}
	}
	return nil, m
}

// truth guesses which of true and false a word means; "" when neither.
func truth(word string) string {
	word = strings.ToLower(word)
	switch word {
	case "yes", "on", "1", "enabled":
		return "true"
	case "no", "off", "0", "disabled":
		return "false"
	}
	return nearest.Of(word, []string{"true", "false"})
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
	if len(n.str) < 20 {
		m.offers = []string{n.str}
	}
	if f, err := strconv.ParseFloat(n.raw, 64); err == nil && n.kind == unstable.Float {
		m.offers = []string{strconv.FormatFloat(f, 'f', 0, 64)}
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
		for _, top := range []string{"etc/", "run/", "srv/", "usr/", "var/"} {
			if strings.HasPrefix(s, top) {
				m.offer("/" + s)
			}
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
		if len(n.str) <= maxOffer {
			m.offers = []string{"[" + tomlString(n.str) + "]"}
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
