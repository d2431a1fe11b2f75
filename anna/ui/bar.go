package ui

import (
	"math"
	"strings"
)

// Bar draws a share from 0 to 1, with marks at other shares. Marks beyond the
// end are not drawn.
func (t Theme) Bar(width int, share float64, style Style, marks ...float64) string {
	full, empty, mark := "█", "░", "│"
	if t.ASCII {
		full, empty, mark = "#", "-", "|"
	}
	at := map[int]bool{}
	for _, m := range marks {
		if m > 0 && m <= 1 {
			at[min(int(m*float64(width)), width-1)] = true
		}
	}
	// A share that is no number fills nothing.
	filled := max(int(math.Round(min(max(share, 0), 1)*float64(width))), 0)
	var out, run strings.Builder
	of := style
	flush := func() {
		out.WriteString(t.Paint(of, run.String()))
		run.Reset()
	}
	for i := range width {
		if i == filled {
			flush()
			of = Faint
		}
		switch {
		case at[i]:
			flush()
			out.WriteString(mark)
		case i < filled:
			run.WriteString(full)
		default:
			run.WriteString(empty)
		}
	}
	flush()
	return out.String()
}
