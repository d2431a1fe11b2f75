package ui

import (
	"strings"

	"github.com/rivo/uniseg"
)

// plainStyle ends what Paint began.
const plainStyle = "\x1b[0m"

// wordEnd is how many columns a cut may give up to fall between two words.
const wordEnd = 10

// Cut shortens a text, which may be painted, to a width on the terminal. A mark
// stands where something is missing: behind a whole word where one ends near.
func (t Theme) Cut(text string, width int) string {
	if Width(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	plain := Unpaint(text)
	room := width - 1
	end, used := 0, 0 // of what is kept, in bytes and columns
	space := -1
	for rest := plain; rest != ""; {
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		if used+w > room {
			if cluster == " " { // a word ends just here
				space = end
			}
			break
		}
		if cluster == " " && used > 0 {
			space = end
		}
		end, used = end+len(cluster), used+w
		rest = after
	}
	if space > 0 && used-Width(plain[:space]) <= wordEnd && Width(plain[:space]) > width/2 {
		end = space
	}
	// Nothing that leads on to what is missing.
	for end > 0 && strings.IndexByte(" ,;:(=-", plain[end-1]) >= 0 {
		end--
	}
	return first(text, end, t.missing())
}

// first is a painted text up to a number of bytes of what is seen of it, with
// the mark in the style that holds there.
func first(text string, bytes int, mark string) string {
	var out strings.Builder
	open := false
	for text != "" && bytes > 0 {
		if at := painted.FindStringIndex(text); at != nil && at[0] == 0 {
			out.WriteString(text[:at[1]])
			open = text[:at[1]] != plainStyle
			text = text[at[1]:]
			continue
		}
		n := bytes
		if i := strings.IndexByte(text[1:], '\x1b'); i >= 0 {
			n = min(n, i+1)
		}
		n = min(n, len(text))
		out.WriteString(text[:n])
		text, bytes = text[n:], bytes-n
	}
	out.WriteString(mark)
	if open {
		out.WriteString(plainStyle)
	}
	return out.String()
}

// CutMiddle shortens a text that is not painted by what stands in its middle:
// of a path, both ends say more.
func (t Theme) CutMiddle(text string, width int) string {
	if Width(text) <= width {
		return text
	}
	if width < 8 {
		return t.Cut(text, width)
	}
	head, tail := (width-1)/2, width-1-(width-1)/2
	rest, left := text, Width(text)
	for left > tail && rest != "" {
		cluster, after, w, _ := uniseg.FirstGraphemeClusterInString(rest, -1)
		if cluster == "" {
			break
		}
		rest, left = after, left-w
	}
	begin, used := 0, 0
	for used < head {
		cluster, _, w, _ := uniseg.FirstGraphemeClusterInString(text[begin:], -1)
		if cluster == "" || used+w > head {
			break
		}
		begin, used = begin+len(cluster), used+w
	}
	return text[:begin] + t.missing() + rest
}

// missing is the mark for what a text has no room for.
func (t Theme) missing() string {
	if t.ASCII {
		return "~"
	}
	return "…"
}
