package explain

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestPages freezes what every code's page says, and the list of all.
func TestPages(t *testing.T) {
	var b bytes.Buffer
	var all []Code
	for _, row := range rpc.Codes {
		c := code(row)
		all = append(all, c)
		if c.Meaning == "" || c.Hint == "" || len(c.Steps) == 0 || c.Retried == "" || c.Exit == 0 || c.Exit == 2 {
			t.Errorf("%s has half a page: %+v", c.Code, c)
		}
		page(&b, ui.Theme{}, c)
		b.WriteString("\n")
	}
	list(&b, all)
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r != '\n' && (r > unicode.MaxASCII || !unicode.IsPrint(r)) }); i >= 0 {
		t.Errorf("a page goes beyond ASCII: %q", b.String()[i:min(i+20, b.Len())])
	}
	annatest.Golden(t, "testdata/screen/explain.txt", b.Bytes())
	text, err := json.MarshalIndent(code(rpc.Timeout.Row()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, "testdata/json/explain-Timeout.json", append(text, '\n'))
}

func TestPageInColour(t *testing.T) {
	var plain, painted bytes.Buffer
	c := code(rpc.Busy.Row())
	page(&plain, ui.Theme{}, c)
	page(&painted, ui.Theme{Colour: true}, c)
	if got := strings.Replace(painted.String(), "\x1b[1mBusy\x1b[0m", "Busy", 1); got != plain.String() {
		t.Errorf("%q, want %q", got, plain.String())
	}
}
