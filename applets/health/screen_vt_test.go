package health

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A vt is as much of a terminal as is needed to read what a program drew:
// text with its styles, cursor movements and erasing.
type vt struct {
	w, h, x, y int
	cells      [][]cell
	style      string // of what comes
	rest       string // an escape sequence that is not complete
}

// A cell is a character with what combines with it; "" behind a wide one.
type cell struct{ text, style string }

func newVT(w, h int) vt {
	v := vt{w: w, h: h, cells: make([][]cell, h)}
	for y := range v.cells {
		v.cells[y] = blank(w)
	}
	return v
}

func blank(w int) []cell {
	row := make([]cell, w)
	for x := range row {
		row[x].text = " "
	}
	return row
}

var escape = regexp.MustCompile("^\x1b(\\[([?>=!]?)([0-9;:]*)([ -/]*)([@-~])|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[()][A-Z0-9]|[=>78cM])")

func (v *vt) write(s string) {
	s, v.rest = v.rest+s, ""
	for s != "" {
		if s[0] == '\x1b' {
			m := escape.FindStringSubmatch(s)
			if m == nil {
				if len(s) < 64 {
					v.rest = s
					return
				}
				s = s[1:]
				continue
			}
			if m[5] != "" && m[2] == "" {
				v.csi(m[5], m[3])
			} else if m[2] == "?" && m[3] == "1049" {
				*v = newVT(v.w, v.h) // to the other screen and back
			}
			s = s[len(m[0]):]
			continue
		}
		if !utf8.FullRuneInString(s) {
			v.rest = s
			return
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\r':
			v.x = 0
		case r == '\n':
			v.line()
		case r == '\b':
			v.x = max(v.x-1, 0)
		case r >= ' ':
			v.put(string(r))
		}
	}
}

// put writes one character where the cursor is.
func (v *vt) put(text string) {
	wide := ui.Width(text)
	if wide == 0 { // it belongs to what stands before it
		if x := min(v.x, v.w) - 1; x >= 0 {
			v.cells[v.y][x].text += text
		}
		return
	}
	if v.x+wide > v.w {
		v.x = 0
		v.line()
	}
	v.cells[v.y][v.x] = cell{text, v.style}
	for i := 1; i < wide; i++ {
		v.cells[v.y][v.x+i] = cell{"", v.style}
	}
	v.x += wide
}

func (v *vt) line() {
	if v.y < v.h-1 {
		v.y++
		return
	}
	copy(v.cells, v.cells[1:])
	v.cells[v.h-1] = blank(v.w)
}

func (v *vt) csi(what, params string) {
	var n [2]int
	for i, p := range strings.SplitN(params, ";", 2) {
		n[i], _ = strconv.Atoi(p)
	}
	switch what {
	case "m":
		v.paint(params)
	case "H", "f":
		v.y, v.x = min(max(n[0]-1, 0), v.h-1), min(max(n[1]-1, 0), v.w-1)
	case "A":
		v.y = max(v.y-max(n[0], 1), 0)
	case "B":
		v.y = min(v.y+max(n[0], 1), v.h-1)
	case "C":
		v.x = min(v.x+max(n[0], 1), v.w-1)
	case "D":
		v.x = max(v.x-max(n[0], 1), 0)
	case "G":
		v.x = min(max(n[0]-1, 0), v.w-1)
	case "J":
		for y := range v.cells {
			if n[0] == 2 || y > v.y {
				v.cells[y] = blank(v.w)
			}
		}
		if n[0] != 2 {
			v.erase()
		}
	case "K":
		v.erase()
	}
}

// paint takes the codes of a style, of which a program may send one at a time.
func (v *vt) paint(codes string) {
	for code := range strings.SplitSeq(codes, ";") {
		if code == "" || code == "0" {
			v.style = ""
			continue
		}
		v.style += ";" + code
	}
}

func (v *vt) erase() {
	for x := v.x; x < v.w; x++ {
		v.cells[v.y][x] = cell{text: " "}
	}
}

// text is what stands on the screen, line by line.
func (v *vt) text() string { return v.dump(false) }

// dump is the text, with its styles as escape sequences if asked for.
func (v *vt) dump(styles bool) string {
	var b strings.Builder
	for _, row := range v.cells {
		var line strings.Builder
		style := ""
		for _, c := range row {
			if styles && c.style != style {
				style = c.style
				line.WriteString("\x1b[0" + style + "m")
			}
			line.WriteString(c.text)
		}
		if style != "" {
			line.WriteString("\x1b[0m")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
