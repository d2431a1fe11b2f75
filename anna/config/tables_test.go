package config

import (
	"strings"
	"testing"
)

// TestTables takes a file with tables apart, in place.
func TestTables(t *testing.T) {
	f := File{Path: "x.toml", Data: []byte("top = 1\n[[rule]]\nid = \"a\"\non = true\nrefs = [\"x\", 'y']\nn.m = 1.5\n[[rule]]\nid = 'b'\n")}
	list, problem := f.Tables()
	if problem != nil || len(list) != 3 {
		t.Fatalf("%d tables, %v", len(list), problem)
	}
	first := list[1]
	if first.Name != "rule" || !first.List || len(first.Entries) != 4 || first.Entries[3].Key != "n.m" {
		t.Errorf("%+v", first)
	}
	if v, ok := first.Entries[2].Value.([]any); !ok || len(v) != 2 || v[1] != "y" {
		t.Errorf("%#v", first.Entries[2].Value)
	}
	if list[2].Entries[0].Value != "b" || list[0].Entries[0].Value != int64(1) {
		t.Errorf("%+v", list)
	}
	if _, problem = (File{Path: "x.toml", Data: []byte("[a]\nb = c\n")}).Tables(); problem == nil || problem.Line != 2 {
		t.Errorf("%+v", problem)
	}
}

// TestTextOffset finds the place of a word in a text however it is written.
func TestTextOffset(t *testing.T) {
	for _, text := range []string{
		`x = "a WORD"`, `x = 'a WORD'`, "x = \"\"\"\na WORD\"\"\"", "x = '''\r\na WORD'''", "x = \"\"\"a \\\n   WORD\"\"\"",
		`x = "\u00e4 \"WORD"`, `x = "\t\nWORD"`, "x = 'ä WORD'",
	} {
		f := File{Data: []byte(text)}
		list, problem := f.Tables()
		if problem != nil {
			t.Fatal(problem)
		}
		e := list[0].Entries[0]
		at := f.TextOffset(e.ValueAt, strings.Index(e.Value.(string), "WORD"))
		if !strings.HasPrefix(text[at:], "WORD") {
			t.Errorf("%q: the offset %d is at %q", text, at, text[at:])
		}
	}
}
