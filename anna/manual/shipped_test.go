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
