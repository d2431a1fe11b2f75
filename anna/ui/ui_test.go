package ui

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// FuzzPlain holds that no terminal acts on what Plain lets through, and that a
// text which was fit to be shown stays as it is.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		"", "plain", "ä ● 日本 e\u0301", "\x1b[2J", "a\nb\tc\r", "\x9b2J", "\u009b", "\u202e", "\u200b", "\u2028", "\ufeff",
		"\U000e0041", "\xff\xfe", "\ufffd", "\x00", "\ud7ff", "[red]", "a\u00a0b", "\u3000",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Plain(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Plain(%q) = %q is not UTF-8", s, got)
		}
		fit := utf8.ValidString(s)
		for _, r := range s {
			fit = fit && (unicode.IsPrint(r) || r == utf8.RuneError)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) && r != utf8.RuneError {
				t.Fatalf("Plain(%q) = %q holds %U", s, got, r)
			}
		}
		if fit && got != s {
			t.Fatalf("Plain(%q) = %q", s, got)
		}
		if !fit && got == s {
			t.Fatalf("Plain(%q) changes nothing", s)
		}
		if again := Plain(got); again != got {
			t.Fatalf("Plain twice: %q, then %q", got, again)
		}
	})
}

func TestPlain(t *testing.T) {
	for s, want := range map[string]string{
		"":            "",
		"plain ä ●":   "plain ä ●",
		"a\nb\tc\rd":  `a\nb\tc\x0dd`,
		"\x1b[31mred": `\x1b[31mred`,
		"\x7f\x00":    `\x7f\x00`,
		"a\xffb\x9b":  `a\xffb\x9b`,
		"\u009b2J":    `\u009b2J`,
		"x\u202egnp":  `x\u202egnp`,
		"\u200b":      `\u200b`,
		"\U000e0001":  `\U000e0001`,
		"\ufffd":      "\ufffd",
		"\ufffd\n":    "\ufffd" + `\n`,
		"\u00a0":      `\u00a0`, // a space that is none
	} {
		if got := Plain(s); got != want {
			t.Errorf("Plain(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestLevels(t *testing.T) {
	colour := map[health.Level]string{health.OK: "32", health.Unknown: "2", health.Warning: "33", health.Critical: "31"}
	for l, want := range map[health.Level][2]string{
		health.OK:       {"● healthy", "* healthy"},
		health.Unknown:  {"○ unknown", "? unknown"},
		health.Warning:  {"▲ warning", "! warning"},
		health.Critical: {"■ critical", "X critical"},
	} {
		if got := (Theme{}).Level(l); got != want[0] {
			t.Errorf("%v: %q", l, got)
		}
		if got := (Theme{ASCII: true}).Level(l); got != want[1] {
			t.Errorf("%v in ASCII: %q", l, got)
		}
		painted := Theme{Colour: true}.Level(l)
		shape, word, _ := strings.Cut(want[0], " ")
		if want := fmt.Sprintf("\x1b[%sm%s\x1b[0m \x1b[%sm%s\x1b[0m", colour[l], shape, colour[l], word); painted != want {
			t.Errorf("%v in colour: %q, want %q", l, painted, want)
		}
	}
	// A level is never a colour alone, and no two look the same.
	seen := map[string]bool{}
	for l := health.OK; l <= health.Critical; l++ {
		for _, th := range []Theme{{}, {ASCII: true}} {
			shape := th.Shape(l)
			if seen[shape] || Width(shape) != 1 {
				t.Errorf("the shape %q of %v is another's, or not one column wide", shape, l)
			}
			seen[shape] = true
		}
	}
}

func TestPaint(t *testing.T) {
	if got := (Theme{}).Paint(Bad, "x"); got != "x" {
		t.Errorf("without colour: %q", got)
	}
	th := Theme{Colour: true}
	if got := th.Paint(Bad, ""); got != "" {
		t.Errorf("nothing, painted: %q", got)
	}
	for s := Strong; s <= Accent; s++ {
		if got := th.Paint(s, "x"); Width(got) != 1 || !strings.HasSuffix(got, "x\x1b[0m") {
			t.Errorf("style %d: %q", s, got)
		}
	}
}

func TestColumns(t *testing.T) {
	th := Theme{Colour: true}
	for _, tt := range []struct {
		name string
		rows [][]string
		want string
	}{
		{"nothing", nil, ""},
		{"an empty row", [][]string{{}}, "\n"},
		{"no trailing space", [][]string{{"a", ""}, {"bb", "c"}}, "a\nbb  c\n"},
		{"rows of several lengths", [][]string{{"a"}, {"bb", "c", "d"}, {"", "eee"}}, "a\nbb  c    d\n    eee\n"},
		{"painted", [][]string{{th.Paint(Bad, "ab"), "x"}, {"abcd", "y"}}, "\x1b[31mab\x1b[0m    x\nabcd  y\n"},
		{"wide", [][]string{{"日本", "x"}, {"abc", "y"}}, "日本  x\nabc   y\n"},
		{"combining", [][]string{{"e\u0301", "x"}, {"abc", "y"}}, "e\u0301    x\nabc  y\n"},
	} {
		if got := Columns(tt.rows); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	// What is painted stands where it stands unpainted.
	rows := func(th Theme) [][]string {
		return [][]string{{th.Level(health.OK), "● 日本", "1"}, {th.Level(health.Critical), th.Paint(Faint, "x"), "22"}}
	}
	if got, want := painted.ReplaceAllString(Columns(rows(th)), ""), Columns(rows(Theme{})); got != want {
		t.Errorf("painted %q, plain %q", got, want)
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "\x1b[31mab\x1b[0m": 2, "\x1b[1;31mab\x1b[m": 2, "●": 1, "█░│": 3,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"  \n ", 10, ""},
		{"one two three", 7, "one two\nthree"},
		{"one two three", 6, "one\ntwo\nthree"},
		{"one two", 7, "one two"},
		{"unbreakable", 4, "unbreakable"},
		{"a unbreakable b", 4, "a\nunbreakable\nb"},
		{"first\n\nsecond  spaced", 80, "first\n\nsecond spaced"},
		{"text\n  a list stays as it is\nmore text", 6, "text\n  a list stays as it is\nmore\ntext"},
		{"日本 日本", 8, "日本\n日本"},
		{"x\n\t \ny", 5, "x\n\ny"},
		{"a b", 0, "a\nb"},
	} {
		if got := Wrap(tt.text, tt.width); got != tt.want {
			t.Errorf("Wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		width int
		share float64
		marks []float64
		want  string
	}{
		{10, 0, nil, "----------"},
		{10, 1, nil, "##########"},
		{10, 0.5, nil, "#####-----"},
		{10, 0.04, nil, "----------"},
		{10, 0.06, nil, "#---------"},
		{10, 7, nil, "##########"},
		{10, -1, nil, "----------"},
		{10, math.Inf(1), nil, "##########"},
		{10, math.NaN(), nil, "----------"},
		{10, 0.5, []float64{0.75, 0.875}, "#####--||-"},
		{10, 0.5, []float64{0.2}, "##|##-----"},
		{10, 0.5, []float64{1}, "#####----|"},
		{10, 0.5, []float64{1.01, 0, -1, math.NaN(), math.Inf(1)}, "#####-----"},
		{1, 0.5, []float64{0.5}, "|"},
		{0, 0.5, []float64{0.5}, ""},
		{-3, 0.5, []float64{0.5}, ""},
	} {
		got := Theme{ASCII: true}.Bar(tt.width, tt.share, Good, tt.marks...)
		if got != tt.want {
			t.Errorf("Bar(%d, %v, %v) = %q, want %q", tt.width, tt.share, tt.marks, got, tt.want)
		}
		painted := Theme{Colour: true}.Bar(tt.width, tt.share, Good, tt.marks...)
		if Width(painted) != len(tt.want) {
			t.Errorf("Bar(%d, %v, %v) painted is %d wide", tt.width, tt.share, tt.marks, Width(painted))
		}
	}
	if got, want := (Theme{Colour: true, ASCII: true}).Bar(6, 0.5, Good, 0.2, 0.9), "\x1b[32m#\x1b[0m|\x1b[32m#\x1b[0m\x1b[2m--\x1b[0m|"; got != want {
		t.Errorf("painted in runs: %q, want %q", got, want)
	}
	if got := (Theme{}).Bar(4, 0.5, Good, 0.75); got != "██░│" {
		t.Errorf("%q", got)
	}
}

func TestUnits(t *testing.T) {
	for mb, want := range map[float64]string{
		0: "0.0 MB", 0.04: "0.0 MB", 0.05: "0.1 MB", 9.94: "9.9 MB", 9.96: "10 MB", 10: "10 MB", 79.5: "80 MB",
		1023: "1023 MB", 10239: "10239 MB", 10239.6: "10.0 GB", 10240: "10.0 GB", 1 << 20: "1024.0 GB",
	} {
		if got := MB(mb); got != want {
			t.Errorf("MB(%v) = %q, want %q", mb, got, want)
		}
	}
	for ms, want := range map[float64]string{
		0: "0.00 ms", 0.0001: "<0.001 ms", 0.001: "0.001 ms", 0.009: "0.009 ms", 0.0099: "0.01 ms", 0.01: "0.01 ms",
		0.123: "0.12 ms", 9.994: "9.99 ms", 9.996: "10.0 ms", 10: "10.0 ms", 99.94: "99.9 ms", 99.96: "100 ms",
		100: "100 ms", 9999: "9999 ms", 9999.6: "10.0 s", 10_000: "10.0 s", 61_000: "61.0 s",
	} {
		if got := Millis(ms); got != want {
			t.Errorf("Millis(%v) = %q, want %q", ms, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 s", -time.Hour: "0 s", 400 * time.Millisecond: "0 s", 999 * time.Millisecond: "1 s", time.Second: "1 s",
		59 * time.Second: "59 s", time.Minute: "1 min", 61 * time.Second: "1 min 1 s", time.Hour: "1 h",
		time.Hour + 59*time.Second: "1 h", time.Hour + 2*time.Minute: "1 h 2 min", 23*time.Hour + 59*time.Minute: "23 h 59 min",
		24 * time.Hour: "1 d", 76 * time.Hour: "3 d 4 h", math.MaxInt64: "106751 d 23 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestASCII holds that nothing which a Theme draws in ASCII goes beyond it.
func TestASCII(t *testing.T) {
	th := Theme{ASCII: true}
	text := th.Dot() + th.Bar(20, 0.5, Warn, 0.3, 0.9) + Millis(0.0002) + Millis(0.005) + MB(3) + Span(time.Hour)
	for l := health.OK; l <= health.Critical; l++ {
		text += th.Level(l)
	}
	for _, r := range text {
		if r > unicode.MaxASCII {
			t.Errorf("%q beyond ASCII in %q", r, text)
		}
	}
}

func ExampleColumns() {
	fmt.Print(Columns([][]string{{"NAME", "SIZE"}, {"home", MB(12)}, {"日本", MB(3.25)}}))
	// Output:
	// NAME  SIZE
	// home  12 MB
	// 日本  3.2 MB
}
