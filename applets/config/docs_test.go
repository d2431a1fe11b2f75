package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

const guide = "docs/DYNAMIC-RELOAD.md"

// TestGuideKeys holds the guide's table against the table that the code has.
func TestGuideKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("| key | default | takes effect | why |\n|---|---|---|---|\n")
	for _, k := range config.Keys() {
		when := "live"
		if k.Class == config.Restart {
			when = "**restart**"
		}
		def := k.Default
		if len(def) > 40 {
			def = "a list; see `annactl config show`"
		} else {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, def, when, k.Why)
	}
	annatest.GoldenSection(t, guide, "keys", b.Bytes())
}

// TestGuideExamples holds that every example of the guide is a configuration
// without a problem that changes something.
func TestGuideExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), guide))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```toml\n")[1:]
	if len(blocks) < 4 {
		t.Errorf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		example, _, closed := strings.Cut(block, "```")
		cfg, report := config.Parse(config.FromBytes(guide, []byte(example), nil), config.Options{})
		if !closed || cfg == nil || len(report.Problems) > 0 {
			t.Fatalf("%s\n%v", example, report.Problems)
		}
		if len(config.Diff(config.Default(), cfg)) == 0 {
			t.Errorf("it changes nothing:\n%s", example)
		}
	}
}

// TestDifferences holds that what `config diff` says is what a reload does.
func TestDifferences(t *testing.T) {
	parse := func(text string, policies ...config.File) Effective {
		cfg, report := config.Parse(config.FromBytes("/x/config.toml", []byte(text), policies), config.Options{})
		if cfg == nil {
			t.Fatal(report.Err())
		}
		return effective(cfg)
	}
	running := parse("[health]\ninterval = \"2s\"\nqueue_warn = 60\n",
		config.File{Path: "/x/policies.d/a.toml", Data: []byte("a = 1")}, config.File{Path: "/x/policies.d/b.toml", Data: []byte("b = 1")})
	for i := range running.Keys {
		if running.Keys[i].Key == "daemon.state_dir" {
			running.Keys[i].Origin, running.Keys[i].Value = "--state-dir", "/elsewhere"
		}
	}
	next := parse("[health]\ninterval = \"2000ms\"\nqueue_warn = 61\n[daemon]\nsocket = \"/run/x\"\n",
		config.File{Path: "/x/policies.d/a.toml", Data: []byte("a = 1")}, config.File{Path: "/x/policies.d/c.toml", Data: []byte("c = 1")})
	var got []string
	for _, c := range differences(running, next) {
		got = append(got, c.Key+" "+string(c.Class))
	}
	if want := "daemon.socket restart, health.queue_warn live, policies.d/b.toml live, policies.d/c.toml live"; strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant: %s", strings.Join(got, ", "), want)
	}
}
