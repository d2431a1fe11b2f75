package ui

import (
	"regexp"
	"strings"

	"github.com/rivo/uniseg"
)

// Columns aligns rows of cells, two spaces apart, without trailing spaces.
// Cells may be painted: what a terminal does not show takes no room.
func Columns(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-Width(cell)+2)
			}
		}
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// painted finds what Paint adds, which takes no room on a terminal.
var painted = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Unpaint takes away what Paint added.
func Unpaint(s string) string { return painted.ReplaceAllString(s, "") }

// Width is how many columns of a terminal a text takes.
func Width(s string) int { return uniseg.StringWidth(Unpaint(s)) }

// Wrap breaks a text into lines of at most width characters at its spaces;
// paragraphs stay apart, and lines that begin with a space stay as they are.
func Wrap(text string, width int) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, " ") || line == "" {
			out = append(out, line)
			continue
		}
		cur := ""
		for _, word := range strings.Fields(line) {
			switch {
			case cur == "":
				cur = word
			case Width(cur)+1+Width(word) > width:
				out = append(out, cur)
				cur = word
			default:
				cur += " " + word
			}
		}
		out = append(out, cur)
	}
	return strings.Join(out, "\n")
}
