package policy

import (
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// TestBuiltinsAreSound: a mistake in a built-in rule is one in the program.
func TestBuiltinsAreSound(t *testing.T) {
	for _, p := range builtin().problems {
		t.Errorf("%s\n%s\n%s", p.Error(), p.Text, p.Hint)
	}
	for _, r := range Builtin().Rules {
		switch {
		case r.About == "" || r.Detail() == "" || r.Fix() == "":
			t.Errorf("%s lacks what it is about, its detail or its next step", r.ID)
		case r.For < 0:
			t.Errorf("%s does not say for how long it must hold", r.ID)
		case strings.Contains(r.Fix(), "{") && strings.Contains(r.Fix(), "'{"):
			t.Errorf("%s quotes what is quoted already", r.ID)
		}
	}
	if names := facts.Names(); len(names) < 80 {
		t.Errorf("%d facts", len(names))
	}
}
