package dash

import (
	"fmt"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// An overlay is a text before the picture: the help, or details.
type overlay struct {
	title string
	lines []string
	first int
	room  int // lines it had when it was drawn last
	total int
}

func (o *overlay) scroll(by int) {
	o.first = min(max(o.first+by, 0), max(o.total-o.room, 0))
}

// draw draws it in the middle, with a frame where there is room for one.
func (o *overlay) draw(c canvas, w, h int) {
	width := 0
	for _, line := range o.lines {
		width = max(width, ui.Width(line))
	}
	width = min(max(width, len(o.title)+8, 24), w-4, 96)
	framed := w >= 30 && h >= 6
	if !framed {
		width = w
	}
	var lines []string
	for _, line := range o.lines {
		lines = append(lines, strings.Split(wrap(line, width), "\n")...)
	}
	o.total, o.room = len(lines), h
	if framed {
		o.room = min(len(lines), h-2)
	}
	o.scroll(0)
	x, y := 0, 0
	if framed {
		x, y = (w-width)/2, (h-o.room)/2
		o.frame(c, x-2, y-1, width+4)
	} else {
		c.clear(0, 0, w, h)
	}
	for i, line := range lines[o.first:min(o.first+o.room, len(lines))] {
		c.text(x, y+i, width, line)
	}
}

func (o *overlay) frame(c canvas, x, y, w int) {
	c.clear(x-1, y, w+2, o.room+2)
	left, right, side := [2]string{"┌", "└"}, [2]string{"┐", "┘"}, "│"
	if c.theme.ASCII {
		left, right, side = [2]string{"+", "+"}, [2]string{"+", "+"}, "|"
	}
	hint := " Esc closes "
	if o.total > o.room {
		hint = fmt.Sprintf(" %d of %d, Esc closes ", min(o.first+o.room, o.total), o.total)
	}
	for i, text := range [2]string{" " + o.title + " ", hint} {
		at := y + i*(o.room+1)
		c.rule(x+1, at, w-2)
		c.text(x, at, 1, c.theme.Paint(ui.Faint, left[i]))
		c.text(x+w-1, at, 1, c.theme.Paint(ui.Faint, right[i]))
		tx := x + 2
		if i == 1 {
			tx = x + w - 2 - len(text)
		}
		c.text(tx, at, w-4, text)
	}
	for i := range o.room {
		c.text(x, y+1+i, 1, c.theme.Paint(ui.Faint, side))
		c.text(x+w-1, y+1+i, 1, c.theme.Paint(ui.Faint, side))
	}
}

// wrap breaks a line into the width; what has no space to break at is broken
// anywhere, for a path must be readable to its end.
func wrap(line string, width int) string {
	if ui.Width(line) <= width || width < 1 {
		return line
	}
	var out []string
	for _, part := range strings.Split(ui.Wrap(strings.TrimLeft(line, " "), width), "\n") {
		for ui.Width(part) > width && !strings.ContainsRune(part, '\x1b') {
			end, used := 0, 0
			for i, r := range part {
				if used += ui.Width(string(r)); used > width {
					break
				}
				end = i + len(string(r))
			}
			if end == 0 {
				break
			}
			out, part = append(out, part[:end]), part[end:]
		}
		out = append(out, part)
	}
	return strings.Join(out, "\n")
}
