package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// BenchmarkLoad reads and judges a file with every key given, beside the
// floor: go-toml decoding the same bytes into a map.
func BenchmarkLoad(b *testing.B) {
	var lines []string // less the group, which this system may not have
	for line := range strings.Lines(string(config.DefaultFile())) {
		if !strings.HasPrefix(line, "# ") || strings.HasPrefix(line, `#    "`) {
			line = strings.TrimPrefix(line, "#")
		}
		if strings.HasPrefix(line, "socket_group") {
			continue
		}
		lines = append(lines, line)
	}
	data := []byte(strings.Join(lines, ""))
	path := filepath.Join(b.TempDir(), "config.toml")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.Fatal(err)
	}
	nasty, err := os.ReadFile(filepath.Join(testdata, "nasty.toml"))
	if err != nil {
		b.Fatal(err)
	}

	b.Run("Load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if c, _ := config.Load(path); c == nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if c, _ := config.Parse(config.FromBytes(path, data, nil), config.Options{}); c == nil {
				b.Fatal("refused")
			}
		}
	})
	b.Run("ParseNasty", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, report := config.Parse(config.FromBytes(path, nasty, nil), config.Options{}); len(report.Problems) < 30 {
				b.Fatal("too few problems")
			}
		}
	})
	b.Run("FloorUnmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var into map[string]any
			if err := toml.Unmarshal(data, &into); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("FloorReadAndUnmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, err := os.ReadFile(path)
			if err != nil {
				b.Fatal(err)
			}
			var into map[string]any
			if err := toml.Unmarshal(data, &into); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// hostile are the worst files that the bounds let through, or just do not.
func hostile() map[string]string {
	return map[string]string{
		"keys":        numbered(4000, "key%d = 1\n"),
		"tooManyKeys": numbered(60000, "k%d=1\n"),
		"sections":    numbered(4000, "[s%d.a.b.c]\n"),
		"tables":      numbered(4000, "[[t%d]]\n"),
		"sameTable":   strings.Repeat("[[t]]\n", 4000),
		"dotted":      numbered(1000, "a%d.b.c.d.e.f.g.h.i.j.k.l.m.n.o = 1\n"),
		"list":        "x = [" + strings.Repeat("1,", 500000) + "]",
		"listInside":  "x = [" + strings.Repeat("1,", 16000) + "]",
		"deep":        "x = " + strings.Repeat("[", 16000),
		"deepTables":  "x = " + strings.Repeat("{a=", 5000),
		"longName":    strings.Repeat("k", 1<<20-4) + "=1",
		"longLine":    "[health]\ninterval = \"" + strings.Repeat("é", 500000) + "\"",
		"newLines":    strings.Repeat("\n", 1<<20-1),
		"lastLine":    strings.Repeat("\n", 900000) + numbered(3000, "u%d=1\n"),
		"duplicates":  "[daemon]\n" + strings.Repeat("socket = 5\n", 4000),
		"comments":    strings.Repeat("# a comment without meaning\n", 37000),
	}
}

// BenchmarkHostile shows that the worst input costs little.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parse(text)
			}
		})
	}
}
