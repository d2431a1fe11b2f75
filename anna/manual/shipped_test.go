package manual_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
)

// TestShippedConfiguration holds the file that the packages install against the
// table of keys: every key, commented, at its default.
func TestShippedConfiguration(t *testing.T) {
	annatest.Golden(t, "dist/config.toml", config.DefaultFile())
	uncommented := regexp.MustCompile(`(?m)^#([a-z_]+ = |\]|    )`).ReplaceAll(config.DefaultFile(), []byte("$1"))
	for _, text := range [][]byte{config.DefaultFile(), uncommented} {
		cfg, report := config.Parse(config.FromBytes("config.toml", text, nil), config.Options{})
		if cfg == nil || len(report.Problems) > 0 {
			t.Fatalf("%v", report.Problems)
		}
		if d := config.Diff(config.Default(), cfg); len(d) > 0 {
			t.Errorf("it changes %v", d)
		}
	}
}

// TestShippedRules holds that the example is no rule as it comes, and a good one
// where the marks are removed.
func TestShippedRules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "dist/policies.d/example.toml"))
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^#(\[\[rule\]\]|[a-z]+ = )`).ReplaceAll(text, []byte("$1"))
	for want, text := range map[int][]byte{0: text, 1: uncommented} {
		set, problems := policy.Load([]config.File{{Path: "example.toml", Data: text}})
		if set == nil || len(problems) > 0 {
			t.Fatalf("%v", problems)
		}
		if got := len(set.Rules) - len(policy.Builtin().Rules); got != want {
			t.Errorf("it adds %d rules, not %d", got, want)
		}
	}
}
