package ui

import (
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	th := Theme{Colour: true}
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"short", 5, "short"},
		{"answers are slow today", 18, "answers are slow…"},
		{"answers are slow today", 17, "answers are slow…"},
		{"answers are slow today", 16, "answers are…"},
		{"/a/path/without/spaces", 10, "/a/path/w…"},
		{"a /path/without/spaces/that/is/long", 30, "a /path/without/spaces/that/i…"},
		{"one two, three", 9, "one two…"},
		{"日本語です", 6, "日本…"},
		{"日本語です", 5, "日本…"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
		{th.Paint(Bad, "one two") + " three", 8, th.Paint(Bad, "one two…")},
		{"x " + th.Paint(Bad, "onetwothree"), 6, "x " + th.Paint(Bad, "one…")},
	} {
		if got := th.Cut(c.text, c.width); got != c.want || Width(got) > c.width {
			t.Errorf("%q cut to %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
	if got := (Theme{ASCII: true}).CutMiddle("/system.slice/some-long.service", 15); got != "/system~service" {
		t.Errorf("the middle: %q", got)
	}
	if got := th.CutMiddle("日本語日本語日本語", 9); got != "日本…語" && got != "日本…本語" {
		t.Errorf("the middle: %q", got)
	}
}

func FuzzCut(f *testing.F) {
	f.Add("one two three", 7)
	f.Add("\x1b[31mone\x1b[0m 日本e\u0301", 3)
	f.Add("👩\u200d🚀🇩🇪", 2)
	f.Fuzz(func(t *testing.T, text string, width int) {
		if strings.Contains(Unpaint(text), "\x1b") || width > 1000 {
			t.Skip("a text with other escapes, or wider than any terminal, is not promised anything")
		}
		for _, got := range []string{Theme{}.Cut(text, width), Theme{}.CutMiddle(Unpaint(text), width)} {
			if w := Width(got); w > max(width, 0) {
				t.Errorf("%q cut to %d is %q: %d wide", text, width, got, w)
			}
		}
	})
}
