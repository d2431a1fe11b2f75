package facts

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestASCII holds that with --ascii no line of a branch and none of the list has
// another character: not even the unit of a temperature.
func TestASCII(t *testing.T) {
	tree, err := facts.Read(strings.NewReader(`{"sensor": [{"name": "cpu", "celsius": 51.5}]}`))
	if err != nil {
		t.Fatal(err)
	}
	value, err := tree.Lookup("sensor[cpu].celsius")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	ascii := ui.Theme{ASCII: true}
	printTree(&b, ascii, tree)
	printPath(&b, ascii, tree, "sensor[cpu].celsius", value)
	var rows []listed
	for _, r := range facts.Rows {
		rows = append(rows, listed{Name: r.Name, Type: r.Type, Unit: r.Unit, Doc: r.Doc})
	}
	printList(&b, ascii, rows)
	if strings.Count(b.String(), "51.5 C\n") != 2 {
		t.Errorf("no temperature in\n%s", b.String())
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
		t.Errorf("beyond ASCII: %q", b.String()[max(0, i-30):])
	}
}
