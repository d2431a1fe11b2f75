package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// FuzzParse: no input panics, every problem stands inside the file, what is
// drawn holds no control character, and what is taken means the same when it
// is written out and read again.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.toml"))
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, s := range []string{
		"", "\r\n", "\xef\xbb\xbf", "a.b.c.d = {e = {f = [[[{}]]]}}", "[[health]]\n[health.interval]", "health = {interval = '''\n1s'''}", "\"\" = 1", "x = \"\"\"", "=", "[", "a = 1\r", "# \x7f",
		"[events]\nwatch_files = [\n  \"/a\", # é\n  \"b\",\n]\n", "health.\"interval\" = \"1s\"\nhealth.interval = 'x'", "telemetry = 1\n[telemetry]\ninterval = 2", "logging.level = [", "x. \"0\u202e", "modules = {}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, report := parse(text)
		if (c == nil) == report.OK() {
			t.Fatalf("a configuration: %t, in order: %t", c != nil, report.OK())
		}
		lines := strings.Split(text, "\n")
		_, asPolicy := config.Parse(config.FromBytes("config.toml", nil, []config.File{{Path: "p.toml", Data: []byte(text)}}), config.Options{})
		if len(asPolicy.Problems) > 1 {
			t.Fatalf("more than the syntax of a policy was judged:\n%s", render(t, asPolicy))
		}
		for _, p := range append(report.Problems, asPolicy.Problems...) {
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 {
				t.Fatalf("%d:%d is outside the file: %+v", p.Line, p.Column, p)
			}
			if p.Caret > utf8.RuneCountInString(p.Text) || p.Message == "" || !utf8.ValidString(p.Text) {
				t.Fatalf("%+v", p)
			}
			out := p.String()
			if len(out) > 8000 || strings.ContainsFunc(out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) && r != utf8.RuneError }) {
				t.Fatalf("not fit for a terminal: %q", out)
			}
		}
		if c == nil {
			return
		}
		var again strings.Builder
		for _, k := range config.Keys() {
			again.WriteString(k.Name + " = " + c.Text(k.Name) + "\n")
		}
		d, report := parse(again.String())
		if d == nil {
			t.Fatalf("written out:\n%s\n%s", again.String(), render(t, report))
		}
		if changes := config.Diff(c, d); len(changes) > 0 {
			t.Fatalf("written out and read again: %v", changes)
		}
	})
}
