package console

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzWriteJSON holds that JSON on a terminal is only text, and says to a
// parser what was meant.
func FuzzWriteJSON(f *testing.F) {
	for _, seed := range []string{"", "plain <&>", "\x1b[2J\u009b2J", "\u202egnp.exe", "a\u200b\U000e0001b\u2028", "\x7f\xff", "äöü ● 日本"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := writeJSON(&b, map[string]string{"s": s}); err != nil {
			t.Fatal(err)
		}
		line, ended := strings.CutSuffix(b.String(), "\n")
		if !ended || strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			t.Fatalf("%q is no line of text", b.String())
		}
		var back map[string]string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || utf8.ValidString(s) && back["s"] != s {
			t.Fatalf("%q came back as %q (%v)", s, back["s"], err)
		}
	})
}

func TestWriteJSONFails(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, math.NaN()); err == nil || !strings.HasPrefix(err.Error(), "cannot write the answer as JSON: ") || b.Len() > 0 {
		t.Errorf("NaN: %v, %q", err, b.String())
	}
}

// What is hidden is found wherever it stands in a word of eight bytes.
func TestPrintableAtEveryPlace(t *testing.T) {
	for at := range 24 {
		line := bytes.Repeat([]byte{'~'}, 24)
		line[at] = 0x7f
		want := append(append(bytes.Repeat([]byte{'~'}, at), `\u007f`...), line[at+1:]...)
		if got := printable(line); !bytes.Equal(got, want) {
			t.Errorf("a delete at %d: %q", at, got)
		}
	}
}
