package policy

import (
	"strings"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// A template is a text with expressions in braces.
type template struct {
	text  string
	parts []part
}

// A part is a piece of plain text, or an expression.
type part struct {
	plain string
	expr  *expression
}

// Bounds of a template.
const (
	maxTemplate = 2000 // bytes
	maxParts    = 20   // expressions
)

func (t *template) source() string {
	if t == nil {
		return ""
	}
	return t.text
}

// refs are all facts that a template names.
func (t *template) refs() []facts.Ref {
	var list []facts.Ref
	if t == nil {
		return nil
	}
	for _, p := range t.parts {
		if p.expr != nil {
			list = append(list, p.expr.refs...)
			list = append(list, p.expr.asks...)
		}
	}
	return list
}

// parseTemplate takes a text apart: "{mount.point} is full". Two braces are a
// brace.
func parseTemplate(text, each string) (*template, *fault) {
	if len(text) > maxTemplate {
		return nil, &fault{at: maxTemplate, message: "the text is longer than 2000 bytes"}
	}
	t := &template{text: text}
	var plain strings.Builder
	count := 0
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "{{"), strings.HasPrefix(text[i:], "}}"):
			plain.WriteByte(text[i])
			i += 2
		case text[i] == '}':
			return nil, &fault{at: i, message: "a brace closes that was not opened", hint: "two of them are one brace of the text: }}"}
		case text[i] == '{':
			end := closing(text, i+1)
			if end < 0 {
				return nil, &fault{at: i, message: "the brace is not closed", hint: "two of them are one brace of the text: {{"}
			}
			expr, bad := compile(text[i+1:end], each)
			if bad != nil {
				bad.at += i + 1
				return nil, bad
			}
			if count++; count > maxParts {
				return nil, &fault{at: i, message: "the text has more than 20 facts"}
			}
			if plain.Len() > 0 {
				t.parts = append(t.parts, part{plain: plain.String()})
				plain.Reset()
			}
			t.parts = append(t.parts, part{expr: expr})
			i = end + 1
		default:
			plain.WriteByte(text[i])
			i++
		}
	}
	if plain.Len() > 0 {
		t.parts = append(t.parts, part{plain: plain.String()})
	}
	return t, nil
}

// closing finds the brace that ends an expression, over the texts in it.
func closing(text string, i int) int {
	var quote byte
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '}':
			return i
		}
	}
	return -1
}

// Bounds of a text that was filled in, in bytes: a list can be long.
const (
	maxPart   = 1000 // of one expression
	maxFilled = 4000 // of the whole
)

// fill puts the facts into a text. What is unknown is written as "unknown".
// shell quotes texts for a command line.
func (j *Judge) fill(t *template, shell bool) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.plain)
			continue
		}
		v := j.value(p.expr)
		if !v.Known() {
			b.WriteString("unknown")
			continue
		}
		text := shorten(facts.Write(v, p.expr.unit), maxPart)
		if shell && (v.Type() == facts.Text || v.Type() == facts.List) {
			text = quoteAll(v)
		}
		b.WriteString(text)
	}
	return shorten(b.String(), maxFilled)
}

// shorten cuts a text after so many bytes, between two characters.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + " ..."
}

// quoteAll writes texts so that a shell takes each for one word.
func quoteAll(v facts.Value) string {
	if s, ok := v.Text(); ok {
		return shellQuote(s)
	}
	list, _ := v.List()
	var b strings.Builder
	for i, s := range list {
		if b.Len() > maxPart {
			b.WriteString(" ...")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(shellQuote(s))
	}
	return b.String()
}

func shellQuote(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,="
	if s != "" && strings.Trim(s, plain) == "" && s[0] != '-' {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
