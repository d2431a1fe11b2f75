package health

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A vt is as much of a terminal as is needed to read what a program drew:
// text, cursor movements and erasing. Styles are passed over.
type vt struct {
	w, h, x, y int
	cells      [][]rune
	rest       string // an escape sequence that is not complete
}

func newVT(w, h int) vt {
	v := vt{w: w, h: h, cells: make([][]rune, h)}
	for y := range v.cells {
		v.cells[y] = []rune(strings.Repeat(" ", w))
	}
	return v
}

var escape = regexp.MustCompile("^\x1b(\\[([?>=!]?)([0-9;]*)([ -/]*)([@-~])|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[()][A-Z0-9]|[=>78cM])")

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
		switch r {
		case '\r':
			v.x = 0
		case '\n':
			v.line()
		case '\b':
			v.x = max(v.x-1, 0)
		default:
			if r < ' ' {
				continue
			}
			if v.x >= v.w {
				v.x = 0
				v.line()
			}
			v.cells[v.y][v.x] = r
			v.x++
		}
	}
}

func (v *vt) line() {
	if v.y < v.h-1 {
		v.y++
		return
	}
	copy(v.cells, v.cells[1:])
	v.cells[v.h-1] = []rune(strings.Repeat(" ", v.w))
}

func (v *vt) csi(what, params string) {
	var n [2]int
	for i, p := range strings.SplitN(params, ";", 2) {
		n[i], _ = strconv.Atoi(p)
	}
	switch what {
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
				v.cells[y] = []rune(strings.Repeat(" ", v.w))
			}
		}
		if n[0] != 2 {
			v.erase()
		}
	case "K":
		v.erase()
	}
}

func (v *vt) erase() {
	for x := v.x; x < v.w; x++ {
		v.cells[v.y][x] = ' '
	}
}

func (v *vt) text() string {
	var b strings.Builder
	for _, row := range v.cells {
		b.WriteString(strings.TrimRight(string(row), " ") + "\n")
	}
	return b.String()
}
