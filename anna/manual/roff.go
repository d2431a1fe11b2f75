package manual

import (
	"fmt"
	"strings"
)

// A roff collects the source of a page.
type roff struct{ b strings.Builder }

// macro writes a request with its arguments, each quoted.
func (r *roff) macro(name string, args ...string) {
	r.b.WriteString("." + name)
	for _, a := range args {
		r.b.WriteString(` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`)
	}
	r.b.WriteString("\n")
}

// text writes paragraphs, which an empty line separates.
func (r *roff) text(s string) {
	for i, part := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			r.macro("PP")
		}
		r.line(part)
	}
}

// line writes text within a paragraph.
func (r *roff) line(s string) {
	for line := range strings.SplitSeq(s, "\n") {
		if line = rich(strings.TrimSpace(line)); line != "" {
			r.b.WriteString(guard(line) + "\n")
		}
	}
}

// item writes a term and what it means.
func (r *roff) item(term, says string) {
	r.macro("TP")
	r.b.WriteString(guard(`\fB`+escape(term)+`\fR`) + "\n")
	r.line(says)
}

// code writes lines as they are.
func (r *roff) code(lines ...string) {
	r.macro("PP")
	r.macro("RS", "4")
	r.macro("EX")
	for _, line := range lines {
		r.b.WriteString(guard(escape(line)) + "\n")
	}
	r.macro("EE")
	r.macro("RE")
}

// escape writes a text so that it is read as it is.
func escape(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\\':
			b.WriteString(`\e`)
		case c == '-':
			b.WriteString(`\-`) // a minus that can be copied, no hyphen
		case c == '\'':
			b.WriteString(`\(aq`)
		case c == '`':
			b.WriteString(`\(ga`)
		case c == '^':
			b.WriteString(`\(ha`)
		case c == '~':
			b.WriteString(`\(ti`)
		case c == '\n', c == '\t':
			b.WriteByte(' ')
		case c < ' ', c == 0x7f:
		case c > '~':
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// rich is escape for sentences: what stands between backquotes is to be typed.
func rich(s string) string {
	parts := strings.Split(s, "`")
	if len(parts)%2 == 0 {
		return escape(s)
	}
	for i := range parts {
		parts[i] = escape(parts[i])
		if i%2 == 1 {
			parts[i] = `\fB` + parts[i] + `\fR`
		}
	}
	return strings.Join(parts, "")
}

// guard keeps a line from being read as a request.
func guard(line string) string {
	if line == "" || line[0] == '.' || line[0] == '\'' || line[0] == ' ' {
		return `\&` + line
	}
	return line
}
