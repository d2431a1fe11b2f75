package config

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// syntaxError is the one thing that is wrong with the TOML of a file.
type syntaxError struct {
	at      int
	message string
	bound   bool // a bound was crossed: the rest is not worth judging
}

func (e *syntaxError) Error() string { return e.message }

// checkText refuses what is not a text file of a bearable size before a parser
// sees it.
func checkText(data []byte) *syntaxError {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return &syntaxError{at: 0, message: "the file begins with a byte order mark: save it as UTF-8 without one"}
	}
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			r, size := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return &syntaxError{at: at, message: "the file is not UTF-8 text"}
	}
	tokens := 0
	for i, c := range data {
		switch c {
		case ',', '=', '[', '{', '.':
			if tokens++; tokens > maxTokens {
				return &syntaxError{at: i, message: "the file holds too many values for a configuration"}
			}
		case 0:
			return &syntaxError{at: i, message: "the file holds a NUL byte: it is not text"}
		}
	}
	return nil
}

// checkSyntax lets go-toml judge what the position-keeping pass does not look
// at: numbers, dates, and sections that contradict each other.
func checkSyntax(data []byte) *syntaxError {
	var into map[string]any
	err := toml.Unmarshal(slices.Clip(data), &into)
	if err == nil {
		return nil
	}
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return &syntaxError{message: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	line, column := decode.Position()
	at := 0
	for ; line > 1; line-- {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	return &syntaxError{at: min(at+max(column-1, 0), len(data)), message: strings.TrimPrefix(decode.Error(), "toml: ")}
}

// plainer says in words of everyday what go-toml says in those of the
// specification.
var plainer = map[string]string{
	"basic strings cannot have new lines":   "the text does not end in this line: the closing quote is missing",
	"unterminated basic string":             "the text does not end in this line: the closing quote is missing",
	"unterminated literal string":           "the text does not end in this line: the closing quote is missing",
	"literal strings cannot have new lines": "the text does not end in this line: the closing quote is missing",
}

func parserError(err error, data []byte) *syntaxError {
	if err == nil {
		return nil
	}
	var perr *unstable.ParserError
	if !errors.As(err, &perr) {
		return &syntaxError{message: err.Error()}
	}
	// A highlight is a part of data and shares its end.
	at := len(data) - cap(perr.Highlight)
	message := perr.Message
	if plainer, ok := plainer[message]; ok {
		message = plainer
	}
	return &syntaxError{at: min(max(at, 0), len(data)), message: message}
}

// bareLine is a key with a value that begins like a word, a path, or a number
// with a unit.
var bareLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*[A-Za-z0-9_.-]+\s*=\s*([A-Za-z0-9/~][A-Za-z0-9/~_.%: -]*?)\s*(#.*)?$`)
})

// bareWord recognises the mistake that people make most: a text without
// quotes in the line of a syntax error. It returns the text, or "", and where it
// stands.
func bareWord(data []byte, at int) (word string, offset int) {
	start := bytes.LastIndexByte(data[:at], '\n') + 1
	end := len(data)
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		end = at + i
	}
	if end-start > 300 {
		return "", at
	}
	m := bareLine().FindSubmatchIndex(data[start:end])
	if m == nil {
		return "", at
	}
	word, offset = string(data[start+m[2]:start+m[3]]), start+m[2]
	if _, err := parseValue(word); err == nil {
		return "", at
	}
	return word, offset
}
