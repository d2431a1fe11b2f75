package facts

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestTable holds what the table of facts promises to whoever reads it.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows {
		k := FindKind(r.Branch())
		switch {
		case k == nil:
			t.Errorf("%s is of no branch", r.Name)
			continue
		case seen[r.Name]:
			t.Errorf("%s stands there twice", r.Name)
		case r.Doc == "" || r.Source == "" || r.Type == "":
			t.Errorf("%s is not documented", r.Name)
		case r.Series != "" && r.Type != Number:
			t.Errorf("%s has a past and is no number", r.Name)
		case strings.Contains(r.Series, "%s") != (r.Label != ""):
			t.Errorf("%s: series %q, label %q", r.Name, r.Series, r.Label)
		case r.Label != "" && Find(r.Label) == nil:
			t.Errorf("%s: there is no %s", r.Name, r.Label)
		}
		seen[r.Name] = true
	}
	for _, k := range Kinds {
		if len(Of(k.Name)) == 0 || k.Doc == "" || k.Every == "" {
			t.Errorf("%s is empty or not documented", k.Name)
		}
		if k.Table() && Find(k.Name+"."+k.Key) == nil {
			t.Errorf("%s has no %s", k.Name, k.Key)
		}
	}
	for _, f := range Funcs {
		if FindKind(f.Branch) == nil {
			t.Errorf("%s is of no branch", f.Name)
		}
	}
}

const given = `{"at":"2026-11-24T15:00:00Z","machine":{"os":"arch","os_like":["arch"],"battery":true,"cpus":{"unknown":"nobody knows"}},"units":{"unknown":"no systemd"},"packages":{"count":2},"mount":[{"point":"/","used_percent":20},{"point":"/home","used_percent":91.5}],"version":{"linux":"6.9"},"history":{"avg(load.one, \"1h\")":2}}`

// TestReadAndWrite: what is written can be read, and is the same.
func TestReadAndWrite(t *testing.T) {
	tree, err := Read(strings.NewReader(given))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{"machine.os", `"arch"`},
		{"machine.cpus", `{"unknown":"nobody knows"}`},
		{"machine.init", `{"unknown":"it is not in the file"}`},
		{"units.failed", `{"unknown":"no systemd"}`},
		{"mount[/home].used_percent", `91.5`},
		{"mount.used_percent", `{"/":20,"/home":91.5}`},
		{"memory", `{"unknown":"it is not in the file"}`},
		{`installed("linux")`, `true`}, // it has a version
		{`installed("nano")`, `false`},
		{`version("nano")`, `{"unknown":"there is no such package"}`},
	} {
		v, err := tree.Lookup(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		if got, err := json.Marshal(v); err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, want %s (%v)", c.path, got, c.want, err)
		}
	}
	if v := tree.Window("avg", "load.one", "", time.Hour); !v.Equal(Num(2)) {
		t.Errorf("the past is %v", v)
	}
	first, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(bytes.NewReader(first))
	if err != nil {
		t.Fatalf("%v\n%s", err, first)
	}
	if second, err := json.Marshal(again); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
	for _, path := range []string{"memory.totl", "mount[/x]", "memory[x]", "nothing", "mount[/home].x", "", "["} {
		if v, err := tree.Lookup(path); err == nil {
			t.Errorf("%q is %v", path, v)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                             "one JSON object",
		`{"memry":{}}`:                   "memry: there is no such branch",
		`{"memory":{"totl":1}}`:          "there is no fact memory.totl",
		`{"memory":{"total_bytes":"x"}}`: "memory.total_bytes is a number, not a text",
		`{"memory":{"total_bytes":{}}}`:  "a fact is",
		`{"mount":{}}`:                   "a list of objects",
		`{"mount":[{}]}`:                 `has no "point"`,
		`{"mount":[{"point":"/"},{"point":"/"}]}`: "twice",
		`{"installed":{"x":"y"}}`:                 `installed("x") is a bool`,
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestVersions: what is the same keeps its version, whatever is read again.
func TestVersions(t *testing.T) {
	branch := func(total, free int) *Branch {
		b := NewBranch()
		b.Set("memory.total_bytes", Num(total))
		b.Set("memory.available_bytes", Num(free))
		return b
	}
	one := Tree{}.With("memory", branch(8, 4))
	two := one.With("memory", branch(8, 3))
	if one.Version("memory.total_bytes") != two.Version("memory.total_bytes") || one.Version("memory.available_bytes") == two.Version("memory.available_bytes") {
		t.Error("the versions are wrong")
	}
	if v, _ := one.Fact("memory.available_bytes", "").Number(); v != 4 {
		t.Error("a tree changed")
	}
}

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		v    Value
		unit Unit
		want string
	}{
		{Num(0), Bytes, "0 B"},
		{Num(1536), Bytes, "1.50 KiB"},
		{Num(-1 << 30), Bytes, "-1.00 GiB"},
		{Num(100 << 30), Bytes, "100 GiB"},
		{Num(90), Seconds, "1 min 30 s"},
		{Num(1e6), Seconds, "11 d"},
		{Num(0.25), Seconds, "0.2 s"},
		{Num(93.75), Percent, "93.8 %"},
		{Flag(true), None, "yes"},
		{Strs(nil), None, "none"},
		{Strs([]string{"a", "b\x1b[m"}), None, "a, b [m"},
		{Unknown("x"), Bytes, "unknown (x)"},
		{Num(3), None, "3"},
	} {
		if got := Write(c.v, c.unit); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(given))
	f.Add([]byte(`{"mount":[{"point":"/"}],"history":{"x":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		first, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(bytes.NewReader(first)); err != nil {
			t.Errorf("%v\n%s", err, first)
		}
	})
}

func FuzzLookup(f *testing.F) {
	tree, err := Read(strings.NewReader(given))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range []string{"memory", "mount[/home].used_percent", `installed("linux")`, "mount[", "mount]x["} {
		f.Add(path)
	}
	f.Fuzz(func(_ *testing.T, path string) { _, _ = tree.Lookup(path) })
}

// TestWriteNumber holds that a number is written as people write it.
func TestWriteNumber(t *testing.T) {
	for _, test := range []struct {
		n    float64
		unit Unit
		want string
	}{
		{0, Percent, "0 %"},
		{0.000032, Percent, "0.000032 %"},
		{0.0457, Percent, "0.046 %"},
		{-0.01, Celsius, "-0.01 °C"},
		{0.42, None, "0.4"},
		{99.96, Percent, "100.0 %"},
		{12345.6, None, "12346"},
		{7, None, "7"},
	} {
		if got := WriteNumber(test.n, test.unit); got != test.want {
			t.Errorf("%g is written %q, not %q", test.n, got, test.want)
		}
	}
}
