package daemon

import (
	"context"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// TestReplayOutOfTime: a question to the store that takes too long is the rule's
// answer, and not the end of the whole trial.
func TestReplayOutOfTime(t *testing.T) {
	store, err := telemetry.Open(t.Context(), t.TempDir(), telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	over, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	now := facts.Tree{At: time.Now()}
	for _, name := range []string{"load", "memory", "pressure"} {
		now = now.With(name, facts.NewBranch())
	}
	rp := &replayed{now: now, store: store, ctx: over, samples: map[string][]telemetry.Sample{}}
	rp.plan(time.Hour)
	for _, r := range policy.Builtin().Rules {
		p, err := rp.judge(t.Context(), r, policy.Timing{})
		if err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
		if rp.err != nil {
			if p.Known != 0 || p.Why == "" {
				t.Errorf("%s: known for %v of the time: %q", r.ID, p.Known, p.Why)
			}
			return
		}
	}
	t.Fatal("no rule asks the store")
}
