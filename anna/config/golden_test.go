package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

const testdata = "../../testdata/config"

// parse judges a text as if it were in a file, with no groups but anna.
func parse(text string) (*config.Config, config.Report) {
	return config.Parse(config.FromBytes("config.toml", []byte(text), nil), config.Options{Groups: func(name string) config.GroupAnswer {
		switch name {
		case "anna", "wheel":
			return config.GroupExists
		case "remote":
			return config.GroupUnknown
		}
		return config.GroupMissing
	}})
}

func render(t *testing.T, r config.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden shows every fixture as a person would see it.
func TestGolden(t *testing.T) {
	for _, name := range []string{"nasty", "v0126", "syntax", "bareword", "contradiction", "hostile"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(testdata, name+".toml"))
			if err != nil {
				t.Fatal(err)
			}
			_, report := parse(string(data))
			annatest.Golden(t, "testdata/config/"+name+".txt", render(t, report))
		})
	}
}

// TestDefaultFile holds the file that the packages install against the table of
// keys: every key, commented out at its default.
func TestDefaultFile(t *testing.T) {
	annatest.Golden(t, "dist/config.toml", config.DefaultFile())
	for i, line := range strings.Split(string(config.DefaultFile()), "\n") {
		if len(line) > 80 && strings.HasPrefix(line, "# ") {
			t.Errorf("line %d is %d columns wide", i+1, len(line))
		}
	}

	asShipped, report := parse(string(config.DefaultFile()))
	if len(report.Problems) > 0 {
		t.Fatalf("as shipped:\n%s", render(t, report))
	}
	// Every "#" taken away: the same values, now given.
	var lines []string
	for line := range strings.Lines(string(config.DefaultFile())) {
		if !strings.HasPrefix(line, "# ") || strings.HasPrefix(line, `#    "`) {
			line = strings.TrimPrefix(line, "#")
		}
		lines = append(lines, line)
	}
	given, report := parse(strings.Join(lines, ""))
	if len(report.Problems) > 0 {
		t.Fatalf("with every key given:\n%s", render(t, report))
	}
	for _, c := range []*config.Config{asShipped, given} {
		if d := config.Diff(config.Default(), c); len(d) > 0 {
			t.Errorf("not the defaults: %v", d)
		}
	}
	for _, k := range config.Keys() {
		if given.Origin(k.Name).IsDefault() {
			t.Errorf("%s is not in the file", k.Name)
		}
		if !asShipped.Origin(k.Name).IsDefault() {
			t.Errorf("%s is not commented out", k.Name)
		}
	}
}
