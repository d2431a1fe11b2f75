package console

import (
	"bytes"
	"testing"
)

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
