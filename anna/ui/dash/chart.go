package dash

import (
	"math"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A Point is one reading.
type Point struct {
	Time  time.Time
	Value float64
}

// A Chart is a curve over time with its scale at the left and its thresholds as
// lines. What is not known is a gap, not a 0.
type Chart struct {
	Points     []Point // oldest first
	Now        time.Time
	Span       time.Duration        // how much of the time before Now is drawn
	Every      time.Duration        // how far readings are apart; longer is a gap
	Top        float64              // the scale's end; 0: a round number above the greatest reading
	Warn, Crit float64              // 0: none
	Unit       func(float64) string // how the scale writes a value
}

// roundUp is the least of 1, 2 and 5 times a power of ten that is not below v.
func roundUp(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// Draw draws it in lines of the width.
func (c Chart) Draw(t ui.Theme, width, height int) []string {
	if width < 1 || height < 1 {
		return nil
	}
	top := c.Top
	if !(top > 0) || math.IsInf(top, 0) {
		for _, p := range c.Points {
			if c.Now.Sub(p.Time) <= c.Span && !math.IsInf(p.Value, 0) {
				top = max(top, p.Value)
			}
		}
		top = roundUp(top)
	}
	// The scale: its ends, and the thresholds. Where one of these is in the
	// topmost line it is what the line says.
	labels := make([]string, height)
	styles := make([]ui.Style, height)
	for row := range styles {
		styles[row] = ui.Faint
	}
	for _, limit := range []struct {
		at    float64
		style ui.Style
	}{{c.Warn, ui.Warn}, {c.Crit, ui.Bad}} {
		if row := height - 1 - level(limit.at, top, height); limit.at > 0 && limit.at <= top && height > 1 {
			labels[row], styles[row] = c.Unit(limit.at), limit.style
		}
	}
	if labels[0] == "" {
		labels[0] = c.Unit(top)
	}
	if height > 1 {
		labels[height-1], styles[height-1] = c.Unit(0), ui.Faint
	}
	gutter := 0
	for _, label := range labels {
		gutter = max(gutter, ui.Width(label)+1)
	}
	if gutter > width/2 {
		gutter = 0
	}
	columns := c.columns(width - gutter)
	lines := make([]string, height)
	for row, label := range labels {
		if gutter > 0 {
			lines[row] = strings.Repeat(" ", gutter-1-ui.Width(label)) + t.Paint(styles[row], label) + " "
		}
		lines[row] += c.row(t, columns, top, height-1-row, height)
	}
	return lines
}

// level is the line, counted from the bottom, in which a value lies.
func level(v, top float64, height int) int {
	return min(max(int(v/top*float64(height)), 0), height-1)
}

// columns are the greatest readings of each column's share of the span. Shares
// begin at round times, so that a curve moves and does not flicker.
func (c Chart) columns(n int) []float64 {
	step := (c.Span + time.Duration(n) - 1) / time.Duration(n)
	step = max(step.Truncate(time.Second), time.Second)
	if step*time.Duration(n) < c.Span {
		step += time.Second
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	last := c.Now.UnixNano() / int64(step)
	before := Point{Value: math.NaN()}
	i := 0
	for col := range out {
		begin := time.Unix(0, (last-int64(n-1-col))*int64(step))
		end := begin.Add(step)
		for ; i < len(c.Points) && c.Points[i].Time.Before(end); i++ {
			p := c.Points[i]
			if !p.Time.Before(begin) && !(p.Value <= out[col]) {
				out[col] = p.Value
			}
			before = p
		}
		if math.IsNaN(out[col]) && begin.Sub(before.Time) < 2*c.Every {
			out[col] = before.Value
		}
	}
	return out
}

// row draws one line of the curve; rows count from the bottom.
func (c Chart) row(t ui.Theme, columns []float64, top float64, row, height int) string {
	blocks, dash := []string{"", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, "┄"
	if t.ASCII {
		blocks, dash = []string{"", ".", ":", "|"}, "-"
	}
	steps := len(blocks) - 1
	empty, emptyStyle := " ", ui.Faint
	for style, limit := range map[ui.Style]float64{ui.Warn: c.Warn, ui.Bad: c.Crit} {
		if limit > 0 && limit <= top && level(limit, top, height) == row && (empty == " " || style == ui.Bad) {
			empty, emptyStyle = dash, style
		}
	}
	var out, run strings.Builder
	var of ui.Style
	add := func(style ui.Style, text string) {
		if style != of {
			out.WriteString(t.Paint(of, run.String()))
			run.Reset()
			of = style
		}
		run.WriteString(text)
	}
	for _, v := range columns {
		full := 0
		if !math.IsNaN(v) {
			share := min(max(v/top, 0), 1)
			full = max(int(math.Round(share*float64(steps*height)))-row*steps, 0)
			if row == 0 {
				full = max(full, 1) // a reading of 0 is not a gap
			}
		}
		if full == 0 {
			add(emptyStyle, empty)
			continue
		}
		style := ui.Good
		switch {
		case c.Crit > 0 && v > c.Crit:
			style = ui.Bad
		case c.Warn > 0 && v > c.Warn:
			style = ui.Warn
		}
		add(style, blocks[min(full, steps)])
	}
	out.WriteString(t.Paint(of, run.String()))
	return out.String()
}
