// Screenpng draws a terminal's screen as a picture: it reads text with escape
// sequences for styles (as `tmux capture-pane -e -p` prints it) from stdin and
// writes drawing commands for ImageMagick's convert to stdout.
//
//	screenpng [-light] <screen | convert mvg:- picture.png
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

const (
	cellW, cellH = 9.632, 20 // of DejaVu Sans Mono at 16 points
	margin       = 10
)

// A palette is what a terminal makes of the sixteen colours.
type palette struct {
	back, fore, faint string
	colours           [8]string
}

var (
	dark = palette{"#1d1f21", "#d8d8d8", "#7f8487", [8]string{"#1d1f21", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8d8d8"}}
	pale = palette{"#fafafa", "#2b2b2b", "#8a8a8a", [8]string{"#2b2b2b", "#c0392b", "#2e7d32", "#9a6700", "#1f5fbf", "#8e3fa8", "#0b7285", "#5f5f5f"}}
)

type style struct {
	fg                 int // -1: the terminal's own
	bold, dim, reverse bool
}

func main() {
	light := flag.Bool("light", false, "on a light background")
	flag.Parse()
	p := dark
	if *light {
		p = pale
	}
	var lines []string
	width := 0
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		lines = append(lines, in.Text())
		width = max(width, ui.Width(in.Text()))
	}
	if err := in.Err(); err != nil {
		fmt.Fprintf(os.Stderr, "screenpng: cannot read the screen: %v\n", err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	w, h := float64(width)*cellW+2*margin, len(lines)*cellH+2*margin
	fmt.Fprintf(out, "push graphic-context\nviewbox 0 0 %.0f %d\nfill '%s'\nrectangle 0,0 %.0f,%d\nfont '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf'\nfont-size 16\n", w, h, p.back, w, h)
	s := style{fg: -1}
	for y, line := range lines {
		x := 0
		for line != "" {
			if rest, ok := strings.CutPrefix(line, "\x1b["); ok {
				codes, after, _ := strings.Cut(rest, "m")
				s, line = s.with(codes), after
				continue
			}
			r := []rune(line)[0]
			line = line[len(string(r)):]
			s.draw(out, p, r, x, y)
			x += ui.Width(string(r))
		}
	}
	fmt.Fprintln(out, "pop graphic-context")
}

func (s style) with(codes string) style {
	for code := range strings.SplitSeq(codes, ";") {
		switch {
		case code == "" || code == "0" || code == "00":
			s = style{fg: -1}
		case code == "1":
			s.bold = true
		case code == "2":
			s.dim = true
		case code == "7":
			s.reverse = true
		case code == "39":
			s.fg = -1
		case len(code) == 2 && code[0] == '3' && code[1] < '8':
			s.fg = int(code[1] - '0')
		}
	}
	return s
}

func (s style) draw(out *bufio.Writer, p palette, r rune, x, y int) {
	fore, back := p.fore, p.back
	if s.fg >= 0 {
		fore = p.colours[s.fg]
	} else if s.dim {
		fore = p.faint
	}
	left, top := margin+float64(x)*cellW, float64(margin+y*cellH)
	rect := func(colour string, x0, y0, x1, y1 float64) {
		fmt.Fprintf(out, "fill '%s'\nrectangle %.2f,%.2f %.2f,%.2f\n", colour, left+x0*cellW, top+y0*cellH, left+x1*cellW, top+y1*cellH)
	}
	if s.reverse {
		fore, back = back, fore
		rect(back, 0, 0, 1, 1)
	}
	opacity := ""
	if s.dim && s.fg >= 0 {
		opacity = "fill-opacity 0.5\n"
	}
	switch {
	case r == ' ':
	case r >= '▁' && r <= '█': // as a terminal does: the font's own leave gaps
		fmt.Fprint(out, opacity)
		rect(fore, 0, 1-float64(r-'▁'+1)/8, 1, 1)
	default:
		text := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(r))
		fmt.Fprintf(out, "%sfill '%s'\ntext %.2f,%.2f '%s'\n", opacity, fore, left, top+cellH*0.76, text)
		if s.bold {
			fmt.Fprintf(out, "text %.2f,%.2f '%s'\n", left+0.5, top+cellH*0.76, text)
		}
	}
	if opacity != "" {
		fmt.Fprint(out, "fill-opacity 1\n")
	}
}
